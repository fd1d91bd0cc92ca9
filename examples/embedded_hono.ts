/** Perdura inside a Hono app of one's own: one process serves the shop, the jobs API, and works. */
import { Hono } from "hono";
import { createApp, createRuntime, defineHandler } from "perdura";
import { z } from "zod";

const pack = defineHandler({
  type: "pack",
  input: z.strictObject({ order: z.string() }),
  handle: ({ order }) => ({ packed: order }),
});

const databaseUrl = Deno.env.get("DATABASE_URL") ?? "postgres://localhost/shop";
const perdura = await createRuntime({ databaseUrl, handlers: [pack] });
perdura.work();

const app = new Hono()
  .post("/orders/:id", async (c) => {
    const { id } = await perdura.enqueue(pack, { order: c.req.param("id") });
    return c.json({ job: id }, 202);
  })
  .route("/perdura", createApp(perdura));

// deno-lint-ignore no-console -- where it listens
const onListen = ({ port }: { port: number }) => console.log(port);
const port = Number(Deno.env.get("PORT") ?? 3000);
const server = Deno.serve({ hostname: "127.0.0.1", port, onListen }, app.fetch);

Deno.addSignalListener("SIGTERM", async () => {
  // No new requests. Who waits for a job is answered, jobs end or are handed back, and the process is done.
  const served = server.shutdown();
  await perdura.close();
  await served;
});
