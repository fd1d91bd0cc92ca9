/** The checker itself: silent about what is sound, loud about every kind of damage. */
import { assertRejects, assertStringIncludes } from "@std/assert";
import { newId } from "../../src/core/id.ts";
import { buildJob, changeFor, claimAll } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { assertSound, findViolations } from "./check.ts";

/** Five jobs: two succeeded (one with an effect), one is dead, one runs, one waits. */
async function withStory(
  test: (db: TestDatabase, ids: readonly string[]) => Promise<void>,
): Promise<void> {
  await using db = await testDatabase();
  const worker = newId();
  const rows = [
    buildJob({ type: "debug.effect", idempotencyKey: "first" }),
    buildJob(),
    buildJob({ maxAttempts: 1 }),
    buildJob(),
  ];
  await db.store.insert(rows);
  const claims = await claimAll(db.store, 4, { worker });
  const [first, second, third] = rows.map((row) => claims.find((claim) => claim.id === row.id));
  const when = { delayMs: 0 };
  await db.store.commit(worker, [
    changeFor(first!, { type: "SUCCEED" }),
    changeFor(second!, { type: "SUCCEED" }),
    changeFor(third!, { type: "FAIL", retryable: true, when }),
  ]);
  await db.sql`insert into debug_effect (key, job_id, attempt) values ('e', ${first!.id}, 1)`;
  await db.store.insert([buildJob({ delayMs: 3_600_000 })]);
  await test(db, rows.map((row) => row.id));
}

Deno.test("assertSound() is content with what the store does", () =>
  withStory(async ({ sql, store }, acknowledged) => {
    await assertSound(sql, { acknowledged, isDrained: false });
    await store.maintain();
    await assertSound(sql, { acknowledged, isDrained: false });
  }));

Deno.test("assertSound() wants everything ended after the drain, and names what is not", () =>
  withStory(async ({ sql }, acknowledged) => {
    const error = await assertRejects(() => assertSound(sql, { acknowledged, isDrained: true }));
    assertStringIncludes(String(error), "still running after the drain");
    assertStringIncludes(String(error), "still scheduled after the drain");
  }));

/** What somebody does to the tables ($1: the first job, $2: the dead one), and what the checker must say. */
const damages: readonly { readonly what: string; readonly sql: string; readonly says: string }[] = [
  {
    what: "an acknowledged job that is not there",
    sql: "delete from perdura.job_archive where id = $1",
    says: "lost",
  },
  {
    what: "a slot that nobody holds",
    sql: `insert into perdura.slot values ('default', 1, 'default', $1, 1, now())`,
    says: "where 0 jobs run",
  },
  {
    what: "a job in two homes",
    sql: `insert into perdura.dead_letter select * from perdura.job_archive where id = $1`,
    says: "more than one home",
  },
  {
    what: "a step that is missing",
    sql: "delete from perdura.transition where job_id = $2 and version = 2",
    says: "version 3 at place 2",
  },
  {
    what: "a step that happened twice",
    sql: `insert into perdura.transition select * from perdura.transition
           where job_id = $2 and version = 3`,
    says: "version 3 at place 4",
  },
  {
    what: "a step that the machine does not take",
    sql: "update perdura.transition set event = 9 where job_id = $2 and version = 3",
    says: "step 3 is not one of the machine",
  },
  {
    what: "an attempt that was not counted",
    sql: "update perdura.transition set attempt = 0 where job_id = $2 and version = 2",
    says: "step 2 is not one of the machine",
  },
  {
    what: "a stored version behind its history",
    sql: "update perdura.job_archive set version = 2 where id = $1",
    says: "version 1 at place 2",
  },
  {
    what: "a crash that no history tells",
    sql: "update perdura.job_archive set crashes = 1 where id = $1",
    says: "stored is succeeded,3,1,1",
  },
  {
    what: "more attempts than allowed",
    sql: "update perdura.job_archive set max_attempts = 0 where id = $1",
    says: "attempt 1 of 0",
  },
  {
    what: "a running job whose lease is gone",
    sql: "delete from perdura.lease where $1 <> ''",
    says: "which is gone",
  },
  {
    what: "a lease that counts wrongly",
    sql: "update perdura.lease set n_left = 4 where $1 <> ''",
    says: "says 4 jobs, holds 1",
  },
  {
    what: "a counter that is off",
    sql: `insert into perdura.counter_delta (tenant_id, queue, from_state, to_state, n)
          select 'default', 'default', 0, 4, 1 where $1 <> ''`,
    says: "counter default succeeded: shows 3, there are 2",
  },
  {
    what: "a key without a job",
    sql: "update perdura.unique_key set job_id = gen_random_uuid() where $1 <> ''",
    says: "key first: no job",
  },
  {
    what: "an effect that happened twice",
    sql: "insert into debug_effect select * from debug_effect where $1 <> ''",
    says: "effect e: more than once",
  },
  {
    what: "a success without its effect",
    sql: "delete from debug_effect where $1 <> ''",
    says: "0 effects, wanted 1",
  },
  {
    what: "an effect of another attempt",
    sql: "update debug_effect set attempt = 2 where $1 <> ''",
    says: "effect of attempt 2",
  },
];

Deno.test("findViolations() sees every kind of damage", async (t) => {
  for (const { what, sql: damage, says } of damages) {
    await t.step(what, () =>
      withStory(async ({ sql }, acknowledged) => {
        const [first, , dead] = acknowledged;
        await sql.unsafe(damage.replaceAll("$1", `'${first}'`).replaceAll("$2", `'${dead}'`));
        const found = await findViolations(sql, { acknowledged, isDrained: false });
        assertStringIncludes(found.join("\n"), says);
      }));
  }
});
