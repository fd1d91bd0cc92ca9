/** The routes of schedules. */
import { assert, assertEquals } from "@std/assert";
import { assertProblem, errorPaths, itemsOf, testApi, textOf } from "./support.ts";

const nightly = {
  cron: "0 2 * * *",
  timeZone: "Europe/Berlin",
  type: "report.generate",
  payload: { reportId: "sales" },
};

Deno.test("PUT /schedules/{id} makes and changes; GET shows it with its next fire time", async () => {
  await using api = await testApi();
  const made = await api.request("PUT", "/schedules/nightly", { json: nightly });
  assertEquals(made.status, 201, JSON.stringify(made.body));
  assertEquals(made.headers.get("location"), "/schedules/nightly");
  assertEquals(made.headers.get("etag"), '"1"');
  const { cron, timeZone, type, machine, missed, overlap, paused, lastRun } = made.body;
  assertEquals({ cron, timeZone, type, machine, missed, overlap, paused, lastRun }, {
    ...{ cron: nightly.cron, timeZone: nightly.timeZone, type: nightly.type, machine: null },
    ...{ missed: "latest", overlap: "allow", paused: false, lastRun: null },
  });
  assert(Date.parse(textOf(made.body.nextFireAt)) > Date.now());
  const stale = { json: nightly, headers: { "if-match": '"7"' } };
  assertProblem(await api.request("PUT", "/schedules/nightly", stale), 412, "version_conflict");
  const fresh = { json: { ...nightly, jitterMs: 500 }, headers: { "if-match": '"1"' } };
  const changed = await api.request("PUT", "/schedules/nightly", fresh);
  assertEquals([changed.status, changed.body.version, changed.body.jitterMs], [200, 2, 500]);
  const got = await api.get("/schedules/nightly");
  assertEquals([got.status, got.headers.get("etag"), got.body.runs], [200, '"2"', []]);
  assertEquals(itemsOf(await api.get("/schedules")).map(({ id }) => id), ["nightly"]);
  assertEquals(itemsOf(await api.get("/schedules?paused=true")), []);
  assertEquals(itemsOf(await api.get("/schedules?tenantId=other")), []);
});

Deno.test("preview, pause, resume, trigger, runs, DELETE", async () => {
  await using api = await testApi();
  await api.request("PUT", "/schedules/nightly", { json: nightly });
  const preview = itemsOf(await api.get("/schedules/nightly/preview?count=3"));
  assertEquals(preview.length, 3);
  const times = preview.map(({ fireAt }) => Date.parse(textOf(fireAt)));
  assert(times.every((time, n) => n === 0 || time > (times[n - 1] ?? 0)));
  const paused = await api.post("/schedules/nightly/pause", {});
  assertEquals([paused.status, paused.body.paused, paused.body.nextFireAt], [200, true, null]);
  assertEquals(itemsOf(await api.get("/schedules/nightly/preview")).length, 10);
  const run = await api.request("POST", "/schedules/nightly/trigger");
  assertEquals([run.status, run.body.cause, run.body.outcome], [201, "trigger", "started"]);
  assertEquals(run.headers.get("location"), `/jobs/${run.body.jobId}`);
  const job = await api.get(`/jobs/${run.body.jobId}`);
  assertEquals([job.body.type, job.body.payload], ["report.generate", nightly.payload]);
  assertEquals(job.body.metadata, {
    ...{ scheduleId: "nightly", scheduledFor: run.body.scheduledFor, late: false },
  });
  const resumed = await api.post("/schedules/nightly/resume", {});
  assertEquals([resumed.body.paused, resumed.body.runCount], [false, 1]);
  assertEquals(itemsOf(await api.get("/schedules/nightly/runs")).length, 1);
  const [listed] = itemsOf(await api.get("/schedules"));
  assertEquals(Object(listed?.lastRun).state, "pending");
  assertEquals((await api.request("DELETE", "/schedules/nightly")).status, 204);
  for (const path of ["", "/preview", "/runs"]) {
    assertProblem(await api.get(`/schedules/nightly${path}`), 404, "not_found");
  }
  for (const verb of ["pause", "resume", "trigger"]) {
    assertProblem(await api.post(`/schedules/nightly/${verb}`, {}), 404, "not_found");
  }
});

Deno.test("a schedule of a machine starts an actor", async () => {
  await using api = await testApi();
  const json = { everyMs: 60_000, machine: "approval", input: { title: "t", approver: "ann" } };
  assertEquals((await api.request("PUT", "/schedules/approve", { json })).status, 201);
  const run = await api.post("/schedules/approve/trigger", {});
  assertEquals([run.status, run.body.outcome, run.body.jobId], [201, "started", null]);
  const actor = await api.get(textOf(run.headers.get("location")));
  assertEquals([actor.status, actor.body.machine, actor.body.status], [200, "approval", "active"]);
});

Deno.test("a wrong schedule is a 422 that names each field", async () => {
  await using api = await testApi();
  const cases: readonly [unknown, string[]][] = [
    [{ ...nightly, timeZone: "Mars/Phobos" }, ["timeZone"]],
    [{ ...nightly, cron: "0 0 31 2 *" }, ["cron"]],
    [{ ...nightly, cron: "every day" }, ["cron"]],
    [{ ...nightly, overlap: "maybe" }, ["overlap"]],
    [{ ...nightly, machine: "approval" }, ["machine"]],
    [{ ...nightly, everyMs: 1_000 }, ["everyMs", "timeZone"]],
    [{ ...nightly, payload: { reportId: 7 } }, ["payload.reportId"]],
    [{ ...nightly, zone: "UTC" }, ["zone"]],
    [{ ...nightly, tenantId: "not a name" }, ["tenantId"]],
    [[], [""]],
  ];
  for (const [json, paths] of cases) {
    const reply = await api.request("PUT", "/schedules/wrong", { json });
    assertProblem(reply, 422, "invalid_input");
    assertEquals(errorPaths(reply), paths, JSON.stringify(json));
  }
  const json = { ...nightly, type: "no.such" };
  assertProblem(await api.request("PUT", "/schedules/wrong", { json }), 422, "unknown_type");
  const { payload: _, type: __, ...time } = nightly;
  const machine = { ...time, machine: "no-such" };
  const unknown = await api.request("PUT", "/schedules/wrong", { json: machine });
  assertProblem(unknown, 422, "unknown_machine");
  assertProblem(await api.request("PUT", "/schedules/a b", { json: nightly }), 400, "malformed");
  assertProblem(await api.get("/schedules/wrong"), 404, "not_found");
  assertProblem(await api.get("/schedules/wrong/preview?count=0"), 400, "malformed");
  assertEquals(itemsOf(await api.get("/schedules")), []);
});
