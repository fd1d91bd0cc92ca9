/** Dead letters by what they died of: counted exactly, brought back as a group. */
import { assert, assertEquals } from "@std/assert";
import { eventually } from "../support/build.ts";
import { debugHandlers } from "../../handlers/debug.ts";
import { testWorker } from "../support/worker.ts";
import { type Api, assertProblem, itemsOf, testApi, textOf } from "./support.ts";

async function fail(api: Api, message: string, tenantId = "default"): Promise<string> {
  const job = { type: "debug.fail", payload: { times: 9, message }, maxAttempts: 1, tenantId };
  const { body } = await api.post("/jobs", job);
  const id = textOf(body.id);
  await eventually("it gives up", async () => {
    return (await api.get(`/jobs/${id}`)).body.state === "dead_letter";
  });
  return id;
}

async function groupsOf(api: Api, query = "") {
  return itemsOf(await api.get(`/dead-letters?groupBy=fingerprint${query}`));
}

Deno.test("groups count exactly through requeue, delete and folding, and one is redriven", async () => {
  await using api = await testApi();
  const dead: string[] = [];
  {
    await using _worker = testWorker(api.db, debugHandlers);
    for (const message of ["No user 1", "No user 2", "Disk full", "No user 3"]) {
      dead.push(await fail(api, message));
    }
    await fail(api, "No user 4", "other");
  }
  const [users, disk, ...more] = await groupsOf(api);
  assertEquals([users?.count, disk?.count, more], [3, 1, []]);
  assert(typeof users?.sample === "object" && users.sample !== null && "message" in users.sample);
  assertEquals(
    Object.entries(users.sample).filter(([key]) => key === "jobId" || key === "message"),
    [
      ["jobId", dead[3]],
      ["message", "No user 3"],
    ],
  );
  assert(String(users.firstSeenAt) < String(users.lastSeenAt));
  const { body: job } = await api.get(`/jobs/${dead[0]}`);
  assert(
    typeof job.lastError === "object" && job.lastError !== null && "fingerprint" in job.lastError,
  );
  assertEquals(job.lastError.fingerprint, users.fingerprint);
  const page = await api.get("/dead-letters?groupBy=fingerprint&limit=1");
  const rest = await groupsOf(
    api,
    `&limit=1&cursor=${encodeURIComponent(textOf(page.body.nextCursor))}`,
  );
  assertEquals(rest, [disk]);
  const members = itemsOf(await api.get(`/dead-letters?fingerprint=${users.fingerprint}`));
  assertEquals(members.map(({ id }) => id), [dead[3], dead[1], dead[0]]);
  await api.db.store.maintain();
  assertEquals(await groupsOf(api), [users, disk]);
  assertEquals((await api.request("DELETE", `/jobs/${dead[2]}`)).status, 204);
  assertEquals((await api.request("POST", `/admin/requeue-deadletter/${dead[0]}`)).status, 200);
  assertEquals((await groupsOf(api)).map(({ count }) => count), [2]);
  const filter = { fingerprint: users.fingerprint };
  const started = await api.post("/operations", { action: "requeue", filter });
  assertEquals([started.status, started.body.matched], [202, 2]);
  await eventually("the operation ends", async () => {
    return (await api.get(`/operations/${started.body.id}`)).body.state === "done";
  });
  assertEquals(await groupsOf(api), []);
  await api.db.store.maintain();
  assertEquals(await groupsOf(api), []);
  assertEquals((await groupsOf(api, "&tenantId=other")).map(({ count }) => count), [1]);
});

Deno.test("what is no cursor and no group is refused", async () => {
  await using api = await testApi();
  for (
    const query of ["groupBy=colour", "groupBy=fingerprint&cursor=x", "groupBy=fingerprint&type=a"]
  ) {
    assertProblem(await api.get(`/dead-letters?${query}`), 400, "malformed");
  }
  assertProblem(await api.get("/dead-letters?cursor=x"), 400, "malformed");
});
