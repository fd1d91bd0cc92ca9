/** What is kept: by age, by number, by the most special policy; the rest goes, and is counted. */
import { assert, assertEquals } from "@std/assert";
import { stateCode } from "../../src/core/codes.ts";
import { newId, newJobId } from "../../src/core/id.ts";
import type { RetentionPolicy } from "../../src/core/retention.ts";
import type { JobState } from "../../machines/job.ts";
import { buildJob, claimed } from "../support/build.ts";
import { changeFor } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { untilBlocked } from "../support/locks.ts";

const DAY_MS = 24 * 3_600_000;

function policy(overrides: Partial<RetentionPolicy>): RetentionPolicy {
  return {
    ...{ tenantId: null, type: null, state: "succeeded", maxAgeMs: null, maxCount: null },
    ...{ keepSummary: false, isDeclared: false },
    ...overrides,
  };
}

/** A job that ended so many days ago. */
async function ended(
  db: TestDatabase,
  state: JobState,
  days: number,
  { tenantId = "default", type = "a", idempotencyKey }: {
    tenantId?: string;
    type?: string;
    idempotencyKey?: string;
  } = {},
): Promise<string> {
  const id = newJobId(tenantId);
  const keyed = idempotencyKey === undefined ? {} : { idempotencyKey };
  const sent = buildJob({ id, tenantId, type, timeoutMs: 60_000, ...keyed });
  const [job] = await claimed(db.store, sent);
  assert(job?.id === id);
  const end = state === "succeeded"
    ? { type: "SUCCEED" } as const
    : state === "cancelled"
    ? { type: "CANCEL" } as const
    : { type: "FAIL", retryable: false, when: { delayMs: 0 } } as const;
  assertEquals(await db.store.commit(null, [changeFor(job, end)]), []);
  const back = `${days} days`;
  for (const table of ["job_archive", "dead_letter"]) {
    await db.sql`update perdura.${db.sql(table)} set finished_at = now() - ${back}::interval
                  where id = ${id}`;
  }
  return id;
}

async function kept(db: TestDatabase, ...ids: string[]): Promise<boolean[]> {
  return await Promise.all(ids.map(async (id) => await db.store.get(null, id) !== null));
}

async function counted(db: TestDatabase): Promise<Map<JobState, number>> {
  const counts = new Map<JobState, number>();
  for (const { state, count } of await db.store.counts(null)) {
    counts.set(state, (counts.get(state) ?? 0) + count);
  }
  return counts;
}

Deno.test("without a policy everything is kept", async () => {
  await using db = await testDatabase();
  const old = await ended(db, "succeeded", 4000);
  assertEquals(await db.store.retention.enforce(), 0);
  assertEquals(await kept(db, old), [true]);
});

Deno.test("age by state; the most special policy counts; what goes leaves the counts", async () => {
  await using db = await testDatabase();
  const { retention } = db.store;
  await retention.set(policy({ maxAgeMs: 10 * DAY_MS }));
  await retention.set(policy({ type: "b", maxAgeMs: 30 * DAY_MS }));
  await retention.set(policy({ tenantId: "acme", maxAgeMs: DAY_MS, keepSummary: true }));
  await retention.set(policy({ state: "dead_letter", maxAgeMs: 100 * DAY_MS }));
  const gone = [
    await ended(db, "succeeded", 11),
    await ended(db, "succeeded", 31, { type: "b" }),
    await ended(db, "succeeded", 2, { tenantId: "acme" }),
    await ended(db, "succeeded", 3, { tenantId: "acme", type: "b" }),
    await ended(db, "dead_letter", 101),
  ];
  const stay = [
    await ended(db, "succeeded", 9),
    await ended(db, "succeeded", 29, { type: "b" }),
    await ended(db, "succeeded", 0, { tenantId: "acme" }),
    await ended(db, "dead_letter", 99),
    await ended(db, "cancelled", 1000),
  ];
  assertEquals(await retention.enforce(), gone.length);
  assertEquals(await kept(db, ...gone), gone.map(() => false));
  assertEquals(await kept(db, ...stay), stay.map(() => true));
  const counts = await counted(db);
  assertEquals([counts.get("succeeded"), counts.get("dead_letter"), counts.get("cancelled")], [
    3,
    1,
    1,
  ]);
  const summary = await db.sql`
    select tenant_id, type, n::int, state from perdura.job_summary order by type`;
  assertEquals(summary.map(({ tenant_id, type, n, state }) => [tenant_id, type, n, state]), [
    ["acme", "a", 1, stateCode("succeeded")],
    ["acme", "b", 1, stateCode("succeeded")],
  ]);
  assertEquals(await retention.enforce(), 0);
});

Deno.test("by number the newest of each tenant are kept", async () => {
  await using db = await testDatabase();
  await db.store.retention.set(policy({ maxCount: 2 }));
  await db.store.retention.set(policy({ tenantId: "acme", maxCount: 0 }));
  const ours: string[] = [];
  for (let n = 0; n < 4; n++) ours.push(await ended(db, "succeeded", 0));
  const theirs = await ended(db, "succeeded", 0, { tenantId: "acme" });
  assertEquals(await db.store.retention.enforce(), 3);
  assertEquals(await kept(db, ...ours, theirs), [false, false, true, true, false]);
});

Deno.test("by number, too, the most special policy of a job is the one that counts", async () => {
  await using db = await testDatabase();
  await db.store.retention.set(policy({ maxCount: 1 }));
  await db.store.retention.set(policy({ type: "b", maxAgeMs: 30 * DAY_MS }));
  await db.store.retention.set(policy({ tenantId: "acme", type: "a", maxCount: 2 }));
  const ids: string[] = [];
  for (const type of ["a", "b"]) {
    for (let n = 0; n < 2; n++) ids.push(await ended(db, "succeeded", 0, { type }));
  }
  for (let n = 0; n < 3; n++) ids.push(await ended(db, "succeeded", 0, { tenantId: "acme" }));
  assertEquals(await db.store.retention.enforce(), 2);
  assertEquals(await kept(db, ...ids), [false, true, true, true, false, true, true]);
});

Deno.test("a whole day goes with its partition, unless something in it is to be kept", async () => {
  await using db = await testDatabase();
  const { retention } = db.store;
  const old = await ended(db, "succeeded", 40, { idempotencyKey: "k" });
  const fresh = await ended(db, "cancelled", 1);
  const day = new Date(Date.now() - 45 * DAY_MS).toISOString().slice(0, 10);
  const name = day.replaceAll("-", "");
  const bound = (ms: number) => {
    const hex = ms.toString(16).padStart(12, "0");
    return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
  };
  const from = Date.parse(day);
  for (const table of ["job_archive", "job_data", "step", "job_log"]) {
    await db.sql.unsafe(`create table perdura.${table}_${name} partition of perdura.${table}
      for values from ('${bound(from)}') to ('${bound(from + DAY_MS)}')`);
  }
  for (const table of ["transition", "actor_step"]) {
    await db.sql.unsafe(`create table perdura.${table}_${name} partition of perdura.${table}
      for values from ('${day}') to ('${new Date(from + DAY_MS).toISOString()}')`);
  }
  const moved = (id: string, digit: string) =>
    bound(from + 1000).slice(0, -12) + digit + id.slice(-11);
  for (const [id, digit] of [[old, "1"], [fresh, "2"]] as const) {
    await db.sql`update perdura.job_archive set id = ${moved(id, digit)} where id = ${id}`;
    await db.sql`update perdura.unique_key set job_id = ${moved(id, digit)} where job_id = ${id}`;
  }
  const exists = async (table: string) => {
    const [row] = await db.sql`select to_regclass(${`perdura.${table}_${name}`}) is not null as it`;
    return row?.it;
  };
  await retention.set(policy({ state: "history", maxAgeMs: 30 * DAY_MS }));
  // A job that ended only now is still in it, and succeeded ones have no age.
  await retention.set(policy({ state: "cancelled", maxAgeMs: 30 * DAY_MS }));
  await retention.enforce();
  assertEquals(await Promise.all(["transition", "actor_step"].map(exists)), [false, false]);
  assertEquals(await exists("job_archive"), true);
  await db.sql`update perdura.job_archive set finished_at = now() - interval '31 days'`;
  await retention.set(policy({ maxAgeMs: 30 * DAY_MS }));
  await retention.set(policy({ tenantId: "default", maxAgeMs: 20 * DAY_MS, keepSummary: true }));
  assertEquals(await retention.enforce(), 0, "nothing went row by row");
  assertEquals(await exists("job_archive"), false);
  const [summary] = await db.sql`select n::int from perdura.job_summary`;
  assertEquals(summary?.n, 1);
  await retention.enforce();
  assertEquals(await Promise.all(["job_data", "step", "job_log"].map(exists)), [
    false,
    false,
    false,
  ]);
  const again = buildJob({ idempotencyKey: "k" });
  assertEquals((await db.store.insert([again]))[0]?.created, true, "its key has gone with it");
  const counts = await counted(db);
  assertEquals([counts.get("succeeded") ?? 0, counts.get("cancelled") ?? 0], [0, 0]);
});

Deno.test("what the settings declare gives way to what an operator has said", async () => {
  await using db = await testDatabase();
  const { retention } = db.store;
  await retention.set(policy({ maxAgeMs: 1000, isDeclared: true }));
  await retention.set(policy({ maxAgeMs: 2000, isDeclared: true }));
  assertEquals((await retention.list(null))[0]?.maxAgeMs, 2000);
  await retention.set(policy({ maxAgeMs: 3000 }));
  await retention.set(policy({ maxAgeMs: 4000, isDeclared: true }));
  const [only, ...more] = await retention.list(null);
  assertEquals([only?.maxAgeMs, only?.isDeclared, more], [3000, false, []]);
  assertEquals(await retention.drop(policy({}), true), false);
  assertEquals(await retention.drop(policy({}), false), true);
  assertEquals(await retention.list(null), []);
});

Deno.test("actors that have ended go with their children and their past; others stay", async () => {
  await using db = await testDatabase();
  const { retention } = db.store;
  const actor = async (id: string, days: number, more: Record<string, string> = {}) => {
    const { status = "done", parent = "", machine = "m", tenant = "default" } = more;
    await db.sql`
      insert into perdura.actor (tenant_id, id, uid, root_id, parent_id, machine, root_machine,
             machine_version, machine_hash, status, state, tags, version, updated_at)
      values (${tenant}, ${id}, gen_random_uuid(), ${id.split("/")[0] ?? id}, ${
      parent || null
    }, ${machine},
              ${machine}, '1', '', ${status}, 's', '{}', 2, now() - ${`${days} days`}::interval)`;
    for (const version of [1, 2]) {
      await db.sql`
        insert into perdura.actor_step (tenant_id, actor_id, version, event, to_state, status, tags, outcome,
               machine_version)
        values (${tenant}, ${id}, ${version}, 'E', 's', ${status}, '{}', 'handled', '1')`;
    }
    await db.sql`
      insert into perdura.mail_key (tenant_id, actor_id, key, mail_id)
      values (${tenant}, ${id}, 'k', gen_random_uuid())`;
  };
  await actor("old", 40);
  await actor("old/child", 41, { parent: "old", status: "cancelled" });
  await actor("young", 20);
  await actor("living", 40, { status: "active" });
  await actor("stalled", 40, { status: "stalled" });
  await actor("parent", 40);
  await actor("parent/living", 40, { parent: "parent", status: "active" });
  await actor("working", 40);
  await actor("ours", 40, { machine: "perdura.operation" });
  await actor("batch", 40, { machine: "perdura.batch" });
  await actor("kept", 40, { machine: "precious" });
  await db.sql`
    insert into perdura.activity (tenant_id, job_id, actor_id, child_id, gen, src, parks)
    values ('default', gen_random_uuid(), 'working', 'w', 1, 'w', false)`;
  await retention.enforce();
  const ids = async (table: string, column: string) =>
    (await db.sql`select distinct ${db.sql(column)} as id from perdura.${db.sql(table)} order by 1`)
      .map(({ id }) => id);
  assertEquals((await ids("actor", "id")).length, 11);
  await retention.set(policy({ state: "actor", maxAgeMs: 30 * DAY_MS }));
  await retention.set(policy({ state: "actor", type: "precious", maxAgeMs: 4000 * DAY_MS }));
  await retention.enforce();
  const stay = ["kept", "living", "ours", "parent", "parent/living", "stalled", "working", "young"];
  const sorted = (names: readonly string[]) => [...names].sort();
  assertEquals(sorted(await ids("actor", "id")), sorted(stay));
  assertEquals(sorted(await ids("actor_step", "actor_id")), sorted(stay));
  assertEquals(sorted(await ids("mail_key", "actor_id")), sorted(stay));
  assertEquals(sorted((await retention.list(null)).map(({ state }) => state)), ["actor", "actor"]);
});

Deno.test("operations that have ended go with their parts and their actor; others stay", async () => {
  await using db = await testDatabase();
  const { retention } = db.store;
  const names = new Map<string, string>();
  const operation = async (
    name: string,
    days: number,
    { status = "done", tenant = "default", action = "requeue" } = {},
  ) => {
    const id = newId();
    names.set(id, name);
    await db.sql`
      insert into perdura.operation (tenant_id, id, action, is_wide, filter, cause, matched, parts)
      values (${tenant}, ${id}, ${action}, false, '{}', 'c', 2, 2)`;
    for (const n of [0, 1]) {
      await db.sql`
        insert into perdura.operation_part (tenant_id, operation_id, n, tenants, ids, versions)
        values (${tenant}, ${id}, ${n}, '{a}', array[gen_random_uuid()], '{1}')`;
    }
    await db.sql`
      insert into perdura.actor (tenant_id, id, uid, root_id, machine, root_machine, machine_version,
             machine_hash, status, state, tags, version, updated_at)
      values (${tenant}, ${id}, gen_random_uuid(), ${id}, 'perdura.operation', 'perdura.operation',
              '1', '', ${status}, 's', '{}', 2, now() - ${`${days} days`}::interval)`;
    await db.sql`
      insert into perdura.actor_step (tenant_id, actor_id, version, event, to_state, status, tags, outcome,
             machine_version)
      values (${tenant}, ${id}, 1, 'E', 's', ${status}, '{}', 'handled', '1')`;
    await db.sql`
      insert into perdura.mail_key (tenant_id, actor_id, key, mail_id)
      values (${tenant}, ${id}, 'k', gen_random_uuid())`;
  };
  await operation("old", 40);
  await operation("young", 20);
  await operation("under way", 40, { status: "active" });
  await operation("stalled", 40, { status: "stalled" });
  await operation("acme", 10, { tenant: "acme" });
  await operation("deletion", 40, { action: "delete" });
  const all = [...names.values()].sort();
  await retention.set(policy({ state: "actor", maxAgeMs: DAY_MS }));
  await retention.enforce();
  const left = async (table: string, column: string) => {
    const rows = await db.sql`select distinct ${db.sql(column)} as id from perdura.${
      db.sql(table)
    }`;
    return rows.map(({ id }) => names.get(id)).sort();
  };
  assertEquals(await left("operation", "id"), all, "they are no actors of anybody's");
  await retention.set(policy({ state: "operation", maxAgeMs: 30 * DAY_MS }));
  await retention.set(policy({ state: "operation", tenantId: "acme", maxAgeMs: 5 * DAY_MS }));
  await retention.set(policy({ state: "operation", type: "delete", maxAgeMs: 400 * DAY_MS }));
  await retention.enforce();
  const stay = ["deletion", "stalled", "under way", "young"];
  for (
    const [table, column] of [
      ...[["operation", "id"], ["operation_part", "operation_id"], ["actor", "id"]],
      ...[["actor_step", "actor_id"], ["mail_key", "actor_id"]],
    ] as const
  ) {
    assertEquals(await left(table, column), stay, table);
  }
  await operation("touched", 40);
  const [id = ""] = [...names].flatMap(([id, name]) => name === "touched" ? [id] : []);
  let enforcing: Promise<unknown> = Promise.resolve();
  await db.sql.begin(async (sql) => {
    await sql`update perdura.actor set version = version + 1 where id = ${id}`;
    enforcing = retention.enforce();
    await untilBlocked(db.sql);
  });
  await enforcing;
  assertEquals(
    await left("operation", "id"),
    [...stay, "touched"].sort(),
    "it was touched meanwhile",
  );
});
