/** A worker with nothing to do asks one question at a time; whatever there is, it finds without a hint. */
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { defineHandler } from "../../src/runtime/handlers.ts";
import { Glance } from "../../src/runtime/glance.ts";
import { newId } from "../../src/core/id.ts";
import type { Sight } from "../../src/store/store.ts";
import { Database } from "../../src/store/database.ts";
import { buildJob, eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

const handler = defineHandler({ type: "debug.noop", input: z.unknown(), handle: () => null });
const NOTHING: Sight = {
  ...{ jobs: false, suspects: false, vacancies: false, inbox: false, mail: false },
  ...{ schedules: false, gateChange: "7" },
};

/** How often each statement is sent, by its first words, from now on. */
function counted(): Map<string, number> & Disposable {
  const counts = new Map<string, number>();
  const { queryBefore } = Database.prototype;
  Database.prototype.queryBefore = function (next, text, parameters) {
    const words = /^-- (.*?)[,.]/.exec(text)?.[1] ?? text;
    counts.set(words, (counts.get(words) ?? 0) + 1);
    return queryBefore.call(this, next, text, parameters);
  };
  const stop = () => void Object.assign(Database.prototype, { queryBefore });
  return Object.assign(counts, { [Symbol.dispose]: stop });
}

Deno.test("an idle worker looks at no table of which a glance has seen that it is empty", async () => {
  await using db = await testDatabase();
  await using _w = testWorker(db, [handler], { pollMs: 20 });
  using counts = counted();
  const glances = () => counts.get("What there is to look for") ?? 0;
  // When it begins to listen it may have missed a hint, and looks for itself.
  await eventually("it listens", async () => {
    return (await db.sql`select from pg_stat_activity where query ilike 'listen%'`).length > 0;
  });
  await eventually("it has looked at all once", () => Promise.resolve(glances() >= 20));
  counts.clear();
  await eventually("it has looked often", () => Promise.resolve(glances() >= 10));
  for (
    const words of [
      ...["All (lane", "Due jobs one crash below their limit", "What waits in the inbox"],
      ...["Milliseconds until a schedule", "What operators have set on gates"],
    ]
  ) {
    const times = [...counts].filter(([text]) => text.startsWith(words));
    assertEquals(times, [], [...counts.keys()].join("\n"));
  }
});

Deno.test("what others store without a word is found all the same", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [handler], { pollMs: 20 });
  await w.run("debug.noop", {});
  const plain = buildJob();
  await db.store.insert([plain]);
  await w.reach(plain.id, "succeeded");
  const suspect = buildJob();
  await db.store.insert([suspect]);
  await db.sql`update perdura.job set crashes = max_crashes - 1 where id = ${suspect.id}`;
  await w.reach(suspect.id, "succeeded");
  const letter = newId();
  await db.sql`
    insert into perdura.inbox (tenant_id, id, type, payload, options)
    values ('default', ${letter}, 'debug.noop', '{}', '{}')`;
  await eventually("the letter is read", async () => {
    return (await db.sql`select from perdura.inbox`).length === 0;
  });
});

Deno.test("a hint that comes during a glance is not answered by it", async () => {
  const asked: ((sight: Sight) => void)[] = [];
  const store = { glance: () => new Promise<Sight>((done) => asked.push(done)) };
  const glance = new Glance(store, { now: () => 0, monotonic: () => 0 }, 1_000);
  const [jobs, mail] = [glance.sees("jobs"), glance.sees("mail")];
  assertEquals(asked.length, 1, "they share one");
  asked[0]?.(NOTHING);
  assertEquals([await jobs, await mail], [false, false]);
  assertEquals(await glance.sees("jobs"), false, "which stands for a while");
  glance.forget();
  const late = glance.sees("jobs");
  glance.forget();
  asked[1]?.(NOTHING);
  assert(await late, "it may have seen nothing of what the hint tells");
  const number = glance.gateChange();
  asked[2]?.(NOTHING);
  assertEquals(await number, "7");
  const unsure = glance.gateChange();
  glance.forget();
  assertEquals(await unsure, null, "there may be a newer one");
});

Deno.test("a slow glance is no less true for another that was begun after it", async () => {
  const asked: ((sight: Sight) => void)[] = [];
  const store = { glance: () => new Promise<Sight>((done) => asked.push(done)) };
  const at = { ms: 0 };
  const glance = new Glance(store, { now: () => at.ms, monotonic: () => at.ms }, 1_000);
  const early = glance.sees("jobs");
  at.ms = 900;
  const late = glance.sees("jobs");
  assertEquals(asked.length, 2);
  for (const answer of asked) answer(NOTHING);
  assertEquals([await early, await late], [false, false]);
});
