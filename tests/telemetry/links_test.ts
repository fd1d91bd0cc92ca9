/** A retry is linked to the attempt before it, whichever process took that. */
import { assert, assertEquals } from "@std/assert";
import { buildJob, eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { startProgram } from "./program.ts";
import { type ReceivedSpan, startReceiver } from "./receiver.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

function attemptOf({ attributes }: ReceivedSpan): number {
  const [value] = Object.values(
    attributes.find(({ key }) => key === "perdura.attempt")?.value ?? {},
  );
  return Number(value);
}

Deno.test("OTLP: of two workers that take an attempt each, the second links to the first", async () => {
  await using db = await testDatabase();
  await using receiver = startReceiver();
  const environment = {
    ...{ DATABASE_URL: db.url, PERDURA_DEBUG: "on", NO_COLOR: "1", OTEL_DENO: "true" },
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    // What has ended is sent at once: what Deno sends at the end of a process may wait for ever.
    ...{ OTEL_EXPORTER_OTLP_PROTOCOL: "http/json", OTEL_BSP_SCHEDULE_DELAY: "100" },
  };
  const failing = {
    type: "debug.fail",
    payloadJson: '{"times":1,"message":"again"}',
    // The second attempt is for the second worker.
    backoff: { baseMs: 3_600_000, factor: 1, capMs: 3_600_000 },
  };
  const traced = buildJob({
    ...failing,
    metadataJson: JSON.stringify({ traceparent: `00-${TRACE}-00f067aa0ba902b7-01` }),
  });
  const untraced = buildJob(failing);
  const attempts = () =>
    receiver.spans.filter(({ name, traceId }) =>
      name === "attempt debug.fail" && traceId === TRACE
    );
  const sent = (count: number) =>
    eventually(`${count} were sent`, () => Promise.resolve(attempts().length >= count));
  const reached = async (state: "retry" | "succeeded") =>
    await eventually(`both are ${state}`, async () => {
      const jobs = await Promise.all(
        [traced, untraced].map(({ id }) => db.store.get("default", id)),
      );
      return jobs.every((job) => job?.state === state) && jobs;
    });
  {
    await using _first = startProgram("worker", {
      ...environment,
      OTEL_TRACES_SAMPLER: "parentbased_always_off",
    });
    await db.store.insert([traced, untraced]);
    const [job, plain] = await reached("retry");
    assertEquals(job?.lastError?.traceparent?.slice(3, 35), TRACE);
    assertEquals(plain?.lastError?.traceparent, undefined, "what is not traced stores nothing");
    await sent(1);
  }
  await using _second = startProgram("worker", environment);
  await db.sql`update perdura.job set run_at = now()`;
  await reached("succeeded");
  await sent(2);
  const [before, after, ...others] = attempts().toSorted((a, b) => attemptOf(a) - attemptOf(b));
  assert(before && after);
  assertEquals(others, []);
  assertEquals([attemptOf(before), attemptOf(after)], [1, 2]);
  assertEquals(before.links, []);
  assertEquals(after.links.map(({ traceId, spanId }) => [traceId, spanId]), [
    [TRACE, before.spanId],
  ]);
});
