/** Pages of jobs: newest first, in whatever home they are, without gaps. */
import { assertEquals } from "@std/assert";
import { newId } from "../../src/core/id.ts";
import { buildJob, changeFor, claimAll } from "../support/build.ts";
import type { JobFilter } from "../../src/store/store.ts";
import { testDatabase } from "../support/database.ts";

const all: JobFilter = { tenantId: "default", states: null, type: null, queue: null };

Deno.test("list() pages over live, archived and dead jobs together, newest first", async () => {
  await using db = await testDatabase();
  const jobs = Array.from({ length: 30 }, () => buildJob());
  await db.store.insert(jobs);
  await db.store.insert([buildJob({ tenantId: "other" })]);
  const lanes = await claimAll(db.store, 40);
  const mine = lanes.filter((job) => job.tenantId === "default");
  const fail = { type: "FAIL", retryable: false, when: { delayMs: 0 } } as const;
  await db.store.commit(newId(), [
    ...mine.slice(0, 10).map((job) => changeFor(job, { type: "SUCCEED" })),
    ...mine.slice(10, 20).map((job) => changeFor(job, fail)),
  ]);
  const seen: string[] = [];
  for (let before: string | null = null;;) {
    const page = await db.store.list(all, before, 7);
    seen.push(...page.map((job) => job.id));
    if (page.length < 7) break;
    before = page.at(-1)!.id;
  }
  assertEquals(seen, jobs.map((job) => job.id).reverse());
});

Deno.test("list() filters by state, type and queue", async () => {
  await using db = await testDatabase();
  const later = buildJob({ delayMs: 60_000 });
  const queued = buildJob({ queue: "q", type: "other" });
  await db.store.insert([buildJob(), later, queued]);
  const ids = async (filter: Partial<JobFilter>) =>
    (await db.store.list({ ...all, ...filter }, null, 10)).map((job) => job.id);
  assertEquals(await ids({ states: ["scheduled"] }), [later.id]);
  assertEquals(await ids({ queue: "q" }), [queued.id]);
  assertEquals(await ids({ type: "other" }), [queued.id]);
  assertEquals(await ids({ tenantId: "nobody" }), []);
});
