/** `GET /actors/{id}/failures`: jobs of a `forEach` that gave up, and items that were refused. */
import { assert, assertEquals } from "@std/assert";
import { createApp } from "../../src/http/app.ts";
import { runtimeOn } from "../runtime/actors/squares.ts";
import { testDatabase } from "../support/database.ts";
import { assertProblem, type Reply } from "./support.ts";

Deno.test("failures come page by page, with label, reason and time; of an actor that has none, none", async () => {
  await using db = await testDatabase();
  await using runtime = await runtimeOn(db);
  const { actors, jobs } = runtime;
  const app = createApp({ jobs, actors, isWritable: () => db.store.isWritable() });
  const get = async (path: string): Promise<Reply> => {
    const reply = await app.request(path);
    return { status: reply.status, headers: reply.headers, body: await reply.json() };
  };
  runtime.work();
  const items = ["bad 1", "2", "", "bad 3", "strange", "4"];
  await actors.start({ machine: "sums", id: "s", input: { items } });
  await actors.wait(null, "s", "done", { timeoutMs: 60_000 });
  const path = `/actors/${encodeURIComponent("s/squares")}/failures`;
  const seen: Record<string, unknown>[] = [];
  for (let cursor: unknown = ""; cursor !== null;) {
    const page = await get(`${path}?limit=3${cursor === "" ? "" : `&cursor=${cursor}`}`);
    assertEquals(page.status, 200);
    assert(Array.isArray(page.body.items));
    seen.push(...page.body.items);
    cursor = page.body.nextCursor;
  }
  assertEquals(seen.map(({ label, error }) => `${label}: ${Object(error).message}`).toSorted(), [
    "item : payload.n: Too small: expected string to have >=1 characters",
    "item bad 1: No square of bad 1",
    "item bad 3: No square of bad 3",
    "null: What is that?",
  ]);
  const ids = seen.map(({ jobId }) => String(jobId));
  assertEquals(ids, ids.toSorted());
  for (const { label, jobId, at } of seen) {
    assert(Math.abs(Date.parse(String(at)) - Date.now()) < 600_000);
    const job = await get(`/jobs/${jobId}`);
    // Of an item that was refused there is no job.
    if (String(label).startsWith("item bad")) assertEquals(job.body.state, "dead_letter");
    else assertProblem(job, 404, "not_found");
  }
  assertEquals((await get("/actors/s/failures")).body, { items: [], nextCursor: null });
  assertProblem(await get(`${path}?cursor=xyz`), 400, "malformed");
  assertProblem(await get(`${path}?limit=0`), 400, "malformed");
  assertProblem(await get(`${path}?tenantId=other`), 404, "not_found");
  assertProblem(await get("/actors/nobody/failures"), 404, "not_found");
});
