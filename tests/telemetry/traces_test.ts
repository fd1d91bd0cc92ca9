/** One trace, from a request over retries to child jobs and actors, as a collector receives it. */
import { assert, assertEquals } from "@std/assert";
import { buildJob, eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { startProgram } from "./program.ts";
import { type ReceivedSpan, startReceiver } from "./receiver.ts";

const CHILD = new URL("traced_child.ts", import.meta.url).pathname;
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

function textOf(span: ReceivedSpan, key: string): unknown {
  const found = span.attributes.find((attribute) => attribute.key === key)?.value;
  return found && (found.stringValue ?? found.intValue);
}

Deno.test("OTLP: one trace from an HTTP enqueue through two retries to a child job and an actor", async () => {
  await using db = await testDatabase();
  await using receiver = startReceiver();
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", CHILD],
    env: {
      ...{ DATABASE_URL: db.url, NO_COLOR: "1", OTEL_DENO: "true", OTEL_SERVICE_NAME: "perdura" },
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      ...{ OTEL_EXPORTER_OTLP_PROTOCOL: "http/json", OTEL_METRIC_EXPORT_INTERVAL: "1000" },
      OTEL_BSP_SCHEDULE_DELAY: "100",
    },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const logged = new Response(process.stderr).text();
  // A failure below must not leave it, and the receiver that it is connected to, behind.
  await using _ending = {
    [Symbol.asyncDispose]: async () => {
      try {
        process.kill("SIGKILL");
      } catch {
        // It has ended, as it should.
      }
      await process.status;
    },
  };
  const reader = process.stdout.getReader();
  const said = new TextDecoder().decode((await reader.read()).value);
  const url = `http://127.0.0.1:${/port (\d+)/.exec(said)?.[1]}`;
  const response = await fetch(`${url}/jobs`, {
    method: "POST",
    headers: { "content-type": "application/json", traceparent: `00-${TRACE}-00f067aa0ba902b7-01` },
    body: JSON.stringify({ type: "traced.parent", payload: { secret: "hunter2" } }),
  });
  const job = await response.json();
  assertEquals(response.status, 201);
  await eventually("the child job has run", async () => {
    const rows = await db.sql`select from perdura.job_archive where type = 'traced.child'`;
    return rows.length > 0;
  });
  await eventually("the actor is done", async () => {
    const rows = await db.sql`select from perdura.actor where id = 'lamp' and status = 'done'`;
    return rows.length > 0;
  });
  // Turns that requests ask for at once are committed together, each in the trace of its own request.
  const requests = Array.from({ length: 40 }, () => crypto.randomUUID().replaceAll("-", ""));
  await Promise.all(requests.map(async (own, n) => {
    const response = await fetch(`${url}/actors`, {
      method: "POST",
      headers: { "content-type": "application/json", traceparent: `00-${own}-00f067aa0ba902b7-01` },
      body: JSON.stringify({ machine: "mark", id: `mark-${n}` }),
    });
    assertEquals((await response.json()).id, `mark-${n}`);
  }));
  // Not by the end of the process: what Deno sends there may wait for ever.
  const isTold = (own: string) =>
    receiver.spans.some(({ traceId, name }) => traceId === own && name === "turn made");
  await eventually("the last spans have come", () => Promise.resolve(requests.every(isTold)));
  process.kill("SIGKILL");
  await process.status;
  reader.releaseLock();
  await process.stdout.cancel();

  assertEquals(
    requests.map((own) =>
      receiver.spans.filter(({ traceId, name }) => traceId === own && name === "turn made").length
    ),
    requests.map(() => 1),
  );
  const spans = receiver.spans.filter(({ traceId }) =>
    traceId === job.metadata.traceparent.slice(3, 35)
  );
  const named = (name: string) => spans.filter((span) => span.name === name);
  const [enqueue, ...others] = named("enqueue traced.parent");
  assert(enqueue);
  assertEquals(others, []);
  assertEquals(enqueue.traceId, TRACE, "it goes on from the caller's own trace");
  assertEquals(job.metadata.traceparent, `00-${TRACE}-${enqueue.spanId}-01`);
  assertEquals(named("wait traced.parent").map(({ parentSpanId }) => parentSpanId), [
    enqueue.spanId,
  ]);
  const attempts = named("attempt traced.parent")
    .toSorted((a, b) =>
      Number(textOf(a, "perdura.attempt")) - Number(textOf(b, "perdura.attempt"))
    );
  assertEquals(attempts.map((span) => [span.parentSpanId, span.status.code ?? 0]), [
    [enqueue.spanId, 2],
    [enqueue.spanId, 2],
    [enqueue.spanId, 0],
  ]);
  assertEquals(
    attempts.map(({ links }) => links.map(({ spanId }) => spanId)),
    [[], [attempts[0]?.spanId], [attempts[1]?.spanId]],
    "each retry is linked to the attempt before it",
  );
  const last = attempts[2]?.spanId;
  const [child] = named("enqueue traced.child");
  assertEquals(child?.parentSpanId, last);
  assertEquals(named("attempt traced.child").map(({ parentSpanId }) => parentSpanId), [
    child?.spanId,
  ]);
  assertEquals(named("turn on").map(({ parentSpanId }) => parentSpanId), [last]);
  // By the end of an activity, by a timer, by the start and the end of a child: whichever process hears.
  const turns = spans.filter(({ name }) => name.startsWith("turn "));
  const of = (actor: string) =>
    turns.filter((span) => textOf(span, "perdura.actor") === actor).map(({ name }) => name);
  assertEquals(
    of("lamp").toSorted(),
    ["gone", "lit", "on", "waiting", "warm"].map((s) => `turn ${s}`),
  );
  assertEquals(of("lamp/bulb").toSorted(), ["turn bright", "turn out"]);
  const activities = spans.filter(({ name }) => /^attempt .*work$/.test(name));
  assertEquals(activities.length, 3);
  const known = new Set(spans.map(({ spanId }) => spanId));
  for (const { name, parentSpanId } of [...turns, ...activities]) {
    assert(parentSpanId && known.has(parentSpanId), `${name} goes on from something of the trace`);
  }
  assertEquals(textOf(enqueue, "perdura.job.id"), job.id);
  assert(!receiver.text.includes("hunter2"), "no payload leaves the process");

  const lines = (await logged).split("\n").filter((line) => line.includes("The child runs"));
  const [{ properties }] = lines.map((line) => JSON.parse(line));
  assertEquals([properties.type, properties.tenantId, properties.traceId], [
    "traced.child",
    "default",
    TRACE,
  ]);
});

Deno.test("OTLP: a worker and an API export what /metrics has, at the latest when they end", async () => {
  await using db = await testDatabase();
  await using receiver = startReceiver();
  // An hour long nothing would go out.
  const environment = {
    ...{ DATABASE_URL: db.url, PERDURA_DEBUG: "on", NO_COLOR: "1", OTEL_DENO: "true", PORT: "0" },
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    ...{ OTEL_EXPORTER_OTLP_PROTOCOL: "http/json", OTEL_METRIC_EXPORT_INTERVAL: "3600000" },
  };
  await using worker = startProgram("worker", environment);
  await using api = startProgram("api", environment);
  await db.store.insert([buildJob({ type: "debug.noop" })]);
  await eventually("the job has run", async () => {
    return (await db.sql`select from perdura.job_archive`).length > 0;
  });
  const url = await api.url();
  await (await fetch(`${url}/health/live`)).body?.cancel();
  worker.process.kill("SIGTERM");
  api.process.kill("SIGTERM");
  await eventually("both have told", () => Promise.resolve(receiver.exports.length >= 2));
  const countsOf = (name: string) =>
    receiver.exports.flatMap(({ metrics }) =>
      metrics.filter((metric) => metric.name === name)
        .flatMap(({ histogram }) => histogram?.dataPoints.map(({ count }) => count) ?? [])
    );
  assertEquals(countsOf("perdura_job_execution_seconds"), ["1"]);
  assertEquals(countsOf("perdura_http_request_seconds"), ["1"]);
  const instances = receiver.exports.map(({ resource }) => resource["service.instance.id"]);
  assertEquals(new Set(instances).size, 2);
});
