/** The API, a slice of work, a turn and a stream of events in `workerd`, against a real PostgreSQL. */
import { assert, assertEquals } from "../tests/std/assert.ts";
import { type Home, startHome } from "./database.ts";
import { serveEntry } from "./deploy.ts";
import { type ServedWorker, serveWorker } from "./workerd.ts";

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function call(method: string, url: string, json?: unknown): Promise<Answer> {
  const response = await fetch(url, {
    method,
    ...(json === undefined ? {} : {
      body: JSON.stringify(json),
      headers: { "content-type": "application/json" },
    }),
  });
  return { status: response.status, body: await response.json() };
}

async function at(work: (home: Home, worker: ServedWorker) => Promise<void>): Promise<void> {
  await using home = await startHome();
  await using worker = await serveWorker(home.databaseUrl);
  await work(home, worker);
}

Deno.test("in workerd: enqueue, drive, turns, a stream, cron, keys; and the budget is kept", async (t) => {
  await at(async (home, { open, closed, cron }) => {
    const greeting = { type: "edge.greet", payload: { name: "Ada" } };
    await t.step("a job is stored, and a slice runs it", async () => {
      assertEquals((await call("GET", `${open}/health/ready`)).status, 200);
      const stored = await call("POST", `${open}/jobs`, greeting);
      assertEquals([stored.status, stored.body.state], [201, "pending"]);
      const slice = await call("POST", `${open}/drive`, { budgetMs: 10_000 });
      assertEquals([slice.status, slice.body], [200, {
        ran: 1,
        turns: 0,
        nextWakeAt: null,
        more: false,
      }]);
      const path = `/jobs/${stored.body.id}`;
      for (const api of [open, home.api]) {
        const { body } = await call("GET", `${api}${path}`);
        assertEquals([body.state, body.output], ["succeeded", { greeting: "Good morning, Ada" }]);
      }
    });
    await t.step("an actor takes a turn with the request that sends the event", async () => {
      const input = { title: "A book", approver: "Grace" };
      const started = await call("POST", `${open}/actors`, {
        machine: "approval",
        id: "a1",
        input,
      });
      assertEquals(
        [started.status, started.body.state],
        [201, "pending.waiting"],
        JSON.stringify(started),
      );
      const sent = await call("POST", `${open}/actors/a1/events`, { type: "APPROVE", by: "Grace" });
      assertEquals([sent.status, sent.body.outcome], [200, "handled"], JSON.stringify(sent));
      const seen = await call("GET", `${open}/actors/a1`);
      assertEquals(seen.body.status, "done");
      const refused = await call("POST", `${open}/actors/a1/events`, { type: "APPROVE", by: "G" });
      assertEquals(refused.status, 409);
    });
    await t.step("the steps of a job come as events", async () => {
      const { body } = await call("POST", `${open}/jobs`, greeting);
      const stream = await fetch(`${open}/stream?job=${body.id}`);
      assertEquals(stream.headers.get("content-type"), "text/event-stream");
      const driven = call("POST", `${open}/drive`, { budgetMs: 10_000 });
      let text = "";
      for await (const chunk of stream.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        text += chunk;
        if (text.includes('"event":"SUCCEED"')) break;
      }
      assert(text.includes('"event":"ENQUEUE"'), text);
      assertEquals((await driven).body.ran, 1);
    });
    await t.step("what does not end within the budget is handed back, unharmed", async () => {
      const { body } = await call("POST", `${open}/jobs`, {
        type: "edge.rest",
        payload: { ms: 600_000 },
      });
      const slice = await call("POST", `${open}/drive`, { budgetMs: 15_000 });
      assertEquals([slice.status, slice.body.more], [200, true], JSON.stringify(slice));
      const job = await call("GET", `${open}/jobs/${body.id}`);
      assertEquals([job.body.state, job.body.attempt, job.body.leaseOwner], ["pending", 0, null]);
      await call("POST", `${open}/jobs/${body.id}/cancel`);
    });
    await t.step("a cron trigger drives", async () => {
      const { body } = await call("POST", `${open}/jobs`, greeting);
      const tick = await fetch(cron);
      assertEquals([tick.status, (await tick.json()).outcome], [200, "ok"]);
      assertEquals((await call("GET", `${open}/jobs/${body.id}`)).body.state, "succeeded");
    });
    await t.step("keys are asked for unless told otherwise", async () => {
      const refused = await call("POST", `${closed}/drive`, {});
      assertEquals([refused.status, refused.body.code], [401, "unauthenticated"]);
      assertEquals((await call("POST", `${open}/drive`, { budgetMs: 1 })).status, 422);
    });
  });
});

Deno.test("the entry of Deno Deploy stores a job, a slice runs it, and SIGTERM ends it", async () => {
  await using home = await startHome();
  await using entry = await serveEntry(home.databaseUrl);
  const stored = await call("POST", `${entry.url}/jobs`, {
    type: "edge.greet",
    payload: { name: "Ada" },
  });
  assertEquals([stored.status, stored.body.state], [201, "pending"], JSON.stringify(stored));
  const slice = await call("POST", `${entry.url}/drive`, { budgetMs: 10_000 });
  assertEquals(slice.status, 200, JSON.stringify(slice));
  // Its own cron may have been first, and may be at it still.
  const read = () => call("GET", `${home.api}/jobs/${stored.body.id}`);
  const isUnderWay = async () => (await read()).body.state !== "succeeded";
  for (let tries = 0; tries < 1_200 && await isUnderWay(); tries++) {
    await new Promise((done) => setTimeout(done, 50));
  }
  const { body } = await read();
  assertEquals([body.state, body.output], ["succeeded", { greeting: "Good morning, Ada" }]);
  // As on any machine of one's own; with a cron that nobody ends it would go on for ever.
  assertEquals(await entry.stop(), 0);
});
