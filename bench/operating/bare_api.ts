/**
 * The least that `POST /jobs` could be: Deno's server, the library, and an answer that is the same each time and as
 * long as ours. What it cannot do, no API on this server can.
 */
import { createRuntime, defineHandler } from "perdura";
import { z } from "zod";
import { say } from "../report/say.ts";

const noop = defineHandler({
  type: "debug.noop",
  input: z.looseObject({}),
  handle: () => Promise.resolve(null),
});
const runtime = await createRuntime({
  databaseUrl: Deno.env.get("DATABASE_URL") ?? "",
  handlers: [noop],
});
/** As long as a stored job. */
const BODY = JSON.stringify({ job: "x".repeat(880) });

const server = Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => say(`Listening on http://127.0.0.1:${port}`),
}, async (request) => {
  const { payload } = JSON.parse(await request.text());
  const { id } = await runtime.enqueue("debug.noop", payload);
  return new Response(BODY, {
    status: 201,
    headers: {
      "content-type": "application/json",
      "cross-origin-resource-policy": "same-origin",
      "etag": '"1"',
      "location": `/jobs/${id}`,
      "referrer-policy": "no-referrer",
      "transfer-encoding": "chunked",
      "x-content-type-options": "nosniff",
      "x-frame-options": "SAMEORIGIN",
      "x-request-id": crypto.randomUUID(),
    },
  });
});
Deno.addSignalListener("SIGTERM", () => void server.shutdown().then(() => Deno.exit(0)));
