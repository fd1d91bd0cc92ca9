/** A worker in bash and curl: takes a job over HTTP, and is fenced when it comes too late. */
import { assert, assertEquals } from "@std/assert";
import { eventually } from "../support/build.ts";
import { type Api, assertProblem, itemsOf, jobIn, testApi, textOf } from "./support.ts";

const SCRIPT = new URL("../../scripts/worker.sh", import.meta.url).pathname;

const ID = "01890000-0000-7000-8000-000000000001";

/** Serves an api on a port of its own, and starts the script for one job of the queue. */
function startScript(
  api: Pick<Api, "serve">,
  command: readonly string[],
  env: Record<string, string> = {},
) {
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) => api.serve(request),
  );
  const child = new Deno.Command("bash", {
    args: [SCRIPT, "outside", ...command],
    env: { PERDURA_URL: `http://127.0.0.1:${server.addr.port}`, ONCE: "1", ...env },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return { child, [Symbol.asyncDispose]: () => server.shutdown() };
}

Deno.test("scripts/worker.sh takes a job, renews its lease and brings its output home, though the API is away once at each", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending", { queue: "outside", payload: { n: 1 } });
  const dir = await Deno.makeTempDir({ prefix: "perdura-outside-" });
  const work = `while [ ! -e ${dir}/go ]; do sleep 0.05; done`;
  const command = ["bash", "-c", `${work}; sed 's/.*"payload":\\({[^}]*}\\).*/\\1/'`];
  // At its first renewal, and when it first tells the ending, the API is not there.
  let [renewals, events] = [0, 0];
  const serve = (request: Request) => {
    const isAway = request.url.endsWith("/renew") && renewals++ === 0 ||
      request.url.endsWith("/events") && events++ === 1;
    return isAway ? new Response(null, { status: 503 }) : api.serve(request);
  };
  await using run = startScript({ serve }, command, { LEASE_MS: "15000" });
  const claimed = await eventually("the claim", async () => {
    const { body } = await api.get(`/jobs/${id}`);
    return body.state === "running" && body;
  });
  await eventually("a renewal", async () => {
    const { body } = await api.get(`/jobs/${id}`);
    return textOf(body.leaseUntil) > textOf(claimed.leaseUntil);
  });
  await Deno.writeTextFile(`${dir}/go`, "");
  assertEquals((await run.child.status).code, 0);
  await Deno.remove(dir, { recursive: true });
  const { body } = await api.get(`/jobs/${id}`);
  assertEquals([body.state, body.output, body.attempt], ["succeeded", { n: 1 }, 1]);
  const rows = itemsOf(await api.get(`/jobs/${id}/transitions`));
  assertEquals(rows.map(({ event }) => event), ["ENQUEUE", "CLAIM", "SUCCEED"]);
  assertEquals(rows.map(({ worker }) => worker), [null, claimed.leaseOwner, claimed.leaseOwner]);
});

Deno.test("scripts/worker.sh looks on when a page has nothing for it and names a cursor", async () => {
  const seen: string[] = [];
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) => {
      const url = new URL(request.url);
      seen.push(`${request.method} ${url.pathname} ${url.searchParams.get("cursor") ?? ""}`.trim());
      if (url.pathname !== "/jobs") return new Response("{}", { headers: { etag: '"1"' } });
      const cursors: Record<string, string> = { "": "a", a: "b" };
      const nextCursor = cursors[url.searchParams.get("cursor") ?? ""] ?? null;
      // Who never follows a cursor is given the job as well: it ends, and is seen.
      const items = nextCursor === null || seen.length > 3 ? [{ id: ID }] : [];
      return Response.json({ items, nextCursor });
    },
  );
  const { code } = await new Deno.Command("bash", {
    args: [SCRIPT, "outside", "true"],
    env: { PERDURA_URL: `http://127.0.0.1:${server.addr.port}`, ONCE: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  assertEquals(code, 0);
  assertEquals(seen.slice(0, 4), ["GET /jobs", "GET /jobs a", "GET /jobs b", `HEAD /jobs/${ID}`]);
});

Deno.test("scripts/worker.sh fails a job whose output is refused, and does not wait for its lease", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending", { queue: "outside" });
  await using run = startScript(api, ["echo", "no JSON"]);
  assertEquals((await run.child.status).code, 0);
  const { body } = await api.get(`/jobs/${id}`);
  assertEquals([body.state, body.crashes], ["dead_letter", 0]);
  assertEquals(Object(body.lastError).message, "Output refused: 400");
});

Deno.test("scripts/worker.sh brings home an output that is longer than an argument may be", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending", { queue: "outside" });
  await using run = startScript(api, ["bash", "-c", `printf '"%0300000d"' 7`]);
  assertEquals((await run.child.status).code, 0);
  const { body } = await api.get(`/jobs/${id}`);
  assertEquals([body.state, textOf(body.output).length], ["succeeded", 300_000]);
});

Deno.test("scripts/worker.sh that is killed renews nothing any more, and its command ends", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending", { queue: "outside" });
  const dir = await Deno.makeTempDir({ prefix: "perdura-outside-" });
  const command = ["bash", "-c", `echo $$ > ${dir}/pid; exec sleep 300`];
  await using run = startScript(api, command, { LEASE_MS: "3000" });
  const pid = await eventually("the command runs", () => {
    return Deno.readTextFile(`${dir}/pid`).then((text) => text.trim(), () => "");
  });
  run.child.kill("SIGKILL");
  await run.child.status;
  await eventually("the sweep", async () => {
    const { body } = await api.post("/admin/sweep", {});
    return body.recovered === 1;
  });
  assertEquals((await api.get(`/jobs/${id}`)).body.state, "retry");
  const isThere = () => Deno.stat(`/proc/${pid}`).then(() => true, () => false);
  if (Deno.build.os === "linux") await eventually("its end", async () => !await isThere());
  await Deno.remove(dir, { recursive: true });
});

Deno.test("scripts/worker.sh is fenced when its lease was recovered meanwhile", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending", { queue: "outside" });
  const dir = await Deno.makeTempDir({ prefix: "perdura-outside-" });
  const command = ["bash", "-c", `while [ ! -e ${dir}/go ]; do sleep 0.05; done`];
  await using run = startScript(api, command, { LEASE_MS: "1000", NO_RENEW: "1" });
  await eventually("the sweep", async () => {
    const { body } = await api.post("/admin/sweep", {});
    return body.recovered === 1;
  });
  const { body: recovered } = await api.get(`/jobs/${id}`);
  assertEquals([recovered.state, recovered.version, recovered.crashes], ["retry", 3, 1]);
  await Deno.writeTextFile(`${dir}/go`, "");
  assertEquals((await run.child.status).code, 3);
  assertEquals((await api.get(`/jobs/${id}`)).body, recovered);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("the events of a worker need the version of its claim, and end the attempt", async () => {
  await using api = await testApi();
  const send = (id: string, event: object, version: number | null) =>
    api.post(`/jobs/${id}/events`, event, version === null ? {} : { "if-match": `"${version}"` });
  const ends = [
    [{ type: "SUCCEED", output: [1] }, "succeeded"],
    [{ type: "FAIL", error: "no luck" }, "retry"],
    [{ type: "FAIL", error: { name: "Bad", code: "bad" }, retryable: false }, "dead_letter"],
    [{ type: "SNOOZE", delayMs: 60_000 }, "scheduled"],
    [{ type: "INTERRUPTED" }, "pending"],
  ] as const;
  for (const [event, state] of ends) {
    const id = await jobIn(api, "pending");
    assertProblem(await send(id, { type: "CLAIM" }, null), 403, "forbidden");
    const dry = await api.post(`/jobs/${id}/events?dryRun=true`, { type: "CLAIM" }, {
      "if-match": '"1"',
    });
    assertEquals([dry.status, dry.body.state, dry.body.startedAt !== null], [200, "running", true]);
    const claimed = await send(id, { type: "CLAIM", leaseMs: 5_000 }, 1);
    assertEquals([claimed.status, claimed.body.state, claimed.body.attempt], [200, "running", 1]);
    assert(claimed.body.leaseOwner !== null && claimed.body.leaseUntil !== null);
    assertEquals((await send(id, event, 1)).status, 412);
    assertProblem(await send(id, event, null), 403, "forbidden");
    const foreseen = await api.post(`/jobs/${id}/events?dryRun=true`, event, { "if-match": '"2"' });
    assertEquals([foreseen.status, foreseen.body.state, foreseen.body.version], [200, state, 3]);
    const ended = await send(id, event, 2);
    assertEquals([ended.status, ended.body.state, ended.body.version], [200, state, 3]);
    assertEquals(ended.body.leaseOwner, null);
    const told = ({ body }: typeof ended) => {
      return [body.output, body.leaseOwner, body.finishedAt !== null, body.startedAt];
    };
    assertEquals(told(foreseen), told(ended));
    const again = await send(id, event, 2);
    assertEquals([again.status, again.body.state], [409, state]);
    const [row] = await api.db.sql`select count(*)::int as n from perdura.lease`;
    assertEquals(row?.n, 0);
  }
});

Deno.test("a job that is not due is not claimed, and a cancel reaches a worker outside", async () => {
  await using api = await testApi();
  const later = await jobIn(api, "scheduled");
  const early = await api.post(`/jobs/${later}/events`, { type: "CLAIM" }, { "if-match": '"2"' });
  assertProblem(early, 409, "transition_rejected");
  const id = await jobIn(api, "running");
  const renew = (version: number) =>
    api.request("POST", `/jobs/${id}/renew`, { headers: { "if-match": `"${version}"` } });
  assertEquals((await renew(2)).body.cancelRequestedAt, null);
  assertEquals((await api.post(`/jobs/${id}/cancel`, { reason: "wrong file" })).status, 202);
  const { body } = await renew(2);
  assert(body.cancelRequestedAt !== null && body.leaseUntil !== null);
  assertEquals((await renew(1)).status, 412);
  assertProblem(await api.request("POST", `/jobs/${later}/renew`), 409, "transition_rejected");
  assertProblem(await api.request("POST", `/jobs/${id}/renew`), 403, "forbidden");
  const fail = { type: "FAIL", error: "stopped" };
  const ended = await api.post(`/jobs/${id}/events`, fail, { "if-match": '"2"' });
  assertEquals([ended.status, ended.body.state], [200, "cancelled"]);
  const last = itemsOf(await api.get(`/jobs/${id}/transitions`)).at(-1);
  assertEquals([last?.event, last?.cause], ["FAIL", "wrong file"]);
});

Deno.test("of two endings under one version one is committed, and the other is told so", async () => {
  await using api = await testApi();
  for (let round = 0; round < 10; round++) {
    const id = await jobIn(api, "running");
    const version = { "if-match": '"2"' };
    const [succeed, fail] = await Promise.all([
      api.post(`/jobs/${id}/events`, { type: "SUCCEED" }, version),
      api.post(`/jobs/${id}/events`, { type: "FAIL", error: "x" }, version),
    ]);
    const { state } = (await api.get(`/jobs/${id}`)).body;
    const [won, lost] = state === "succeeded" ? [succeed, fail] : [fail, succeed];
    assertEquals([won.status, won.body.state], [200, state]);
    assert([409, 412].includes(lost.status), String(lost.status));
  }
});
