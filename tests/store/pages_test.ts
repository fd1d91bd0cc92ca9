/** Pages stay flat: what they read depends on what was asked for, not on how many jobs there are. */
import { assert, assertEquals } from "@std/assert";
import type postgres from "postgres";
import { stateCode } from "../../src/core/codes.ts";
import { isText } from "../../src/core/term.ts";
import { column } from "../../src/store/literal.ts";
import { termColumns } from "../../src/store/listing.ts";
import * as statements from "../../sql/mod.ts";
import { testDatabase } from "../support/database.ts";

const SIZE = Deno.env.get("TEST_SIZE") === "long" ? 1_000_000 : 60_000;
const LIMIT = 50;
/** A page of each home, its neighbours, and a few of each partition. */
const ROWS_MAX = 4 * LIMIT;
const LEAST = "00000000-0000-0000-0000-000000000000";
const GREATEST = "ffffffff-ffff-ffff-ffff-ffffffffffff";
const MIDDLE = "80000000-0000-0000-0000-000000000000";

interface Node {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly Plans?: readonly Node[];
}

type Given = readonly (string | number | boolean | null)[];

/** The nodes of a statement's plan that read tables. It is carried out. */
async function readsOf(sql: postgres.Sql, text: string, parameters: Given): Promise<Node[]> {
  const [row] = await sql.unsafe(`explain (analyze, timing off, format json) ${text}`, [
    ...parameters,
  ]);
  const reads: Node[] = [];
  const collect = (node: Node): void => {
    if (node["Relation Name"] !== undefined) reads.push(node);
    node.Plans?.forEach(collect);
  };
  collect(row?.["QUERY PLAN"][0].Plan);
  return reads;
}

/** How often the terms of a search are held against a row. */
async function termsRead(sql: postgres.Sql, parameters: Given): Promise<number> {
  const plan = await sql.unsafe(`explain (analyze, timing off) ${statements.list}`, [
    ...parameters,
  ]);
  const lines = plan.map((row) => String(row["QUERY PLAN"]));
  return lines.filter((line) => line.includes("Function Scan on w "))
    .reduce((sum, line) => sum + Number(/loops=(\d+)/.exec(line)?.[1] ?? 0), 0);
}

/** The most rows that one node reads of a table. */
async function mostRead(sql: postgres.Sql, text: string, parameters: Given): Promise<number> {
  const reads = await readsOf(sql, text, parameters);
  return Math.max(
    0,
    ...reads.map((node) =>
      (node["Actual Rows"] + (node["Rows Removed by Filter"] ?? 0)) * node["Actual Loops"]
    ),
  );
}

Deno.test(`a page of ${SIZE} jobs of each home reads a page`, async () => {
  await using db = await testDatabase();
  const { sql } = db;
  const dead = stateCode("dead_letter");
  for (
    const [table, state] of [["job_archive", stateCode("succeeded")], [
      "dead_letter",
      dead,
    ]] as const
  ) {
    await sql`
        insert into perdura.${sql(table)} (
          tenant_id, id, lane, run_at, created_at, timeout_ms, version, state, priority, attempt,
          max_attempts, crashes, max_crashes, has_data, has_output, queue, type, payload, last_error)
        select 'default', gen_random_uuid(), 1, now(), now(), 1000, 3, ${state}::smallint, 0, 1, 3, 0, 3,
               false, false, 'default', 'debug.noop', '{"n":1}',
               json_build_object('fingerprint', case when n % 1000 = 0 then 'rare' else 'often' end)
          from generate_series(1, ${SIZE}) n`;
  }
  await sql`
      insert into perdura.job (
        tenant_id, id, lane, run_at, timeout_ms, version, state, priority, max_attempts, max_crashes,
        has_data, queue, type, payload)
      select 'default', gen_random_uuid(), 1, now(), 1000, 1, 0, 0, 3, 3, false, 'default', 'debug.noop', '1'
        from generate_series(1, ${SIZE})`;
  await sql`analyze`;
  const page = (
    homes: string,
    states: string | null,
    fingerprint: string | null = null,
    from = LEAST,
    terms: Parameters<typeof termColumns>[0] = [],
    created: readonly [from: number | null, before: number | null] = [null, null],
  ) => [
    ...["default", MIDDLE, from, homes, states, null, null, LIMIT],
    ...termColumns(terms),
    fingerprint,
    ...created,
  ];
  const cases = {
    "all": page("{0,1,2}", null),
    "one state": page("{2}", column([dead], (code) => code)),
    "a rare fingerprint": page("{2}", column([dead], (code) => code), "rare"),
    "one id": page("{0,1,2}", null, null, MIDDLE),
  };
  for (const [what, parameters] of Object.entries(cases)) {
    const read = await mostRead(sql, statements.list, parameters);
    assert(read <= ROWS_MAX, `${what}: ${read} rows of a table`);
  }
  const edges = ["default", GREATEST, 5_000, true, true, true];
  const edge = await mostRead(sql, statements.listEdge, edges);
  assert(edge <= 5_001, `the edge: ${edge}`);
  const [row] = await sql.unsafe(statements.listEdge, edges);
  const bounded = page("{0,1,2}", null, null, row?.i, [isText("tag", "none")]);
  bounded[1] = GREATEST;
  const looked = await mostRead(sql, statements.list, bounded);
  assert(looked <= 5_002, `a search: ${looked} rows of a table`);
  // Who is of another time is passed over before the terms are looked at.
  const young = [isText("tag", "none")];
  const passed = page("{0,1,2}", null, null, row?.i, young, [null, 0]);
  passed[1] = GREATEST;
  assertEquals(await termsRead(sql, passed), 0);
  passed[passed.length - 1] = null;
  assert(await termsRead(sql, passed) >= 5_000);
  const counted = (await readsOf(sql, statements.counts, ["default"]))
    .map((node) => node["Relation Name"]);
  assertEquals(counted.toSorted(), ["counter", "counter_delta", "counter_delta"]);
  const look = ["", LEAST, 5_000];
  const retire = await mostRead(sql, statements.retireLook, look);
  assert(retire <= 5_002, `retention: ${retire} rows of a table`);
  const operation = crypto.randomUUID();
  await sql`
    insert into perdura.operation_part (tenant_id, operation_id, n, tenants, ids, versions)
    select 'default', ${operation}, 0, array_agg(tenant_id), array_agg(id), array_agg(version)
      from (select * from perdura.dead_letter limit ${LIMIT}) d`;
  const part = ["default", operation, 0, column([dead], (code) => code), 0, 9, "a test"];
  const revived = await mostRead(sql, statements.requeuePart, part);
  assert(revived <= ROWS_MAX, `a part of a requeue: ${revived} rows of a table`);
  const [left] = await sql`select count(*)::int as n from perdura.dead_letter`;
  assertEquals(left?.n, SIZE - LIMIT);
});

const STEPS = Deno.env.get("TEST_SIZE") === "long" ? 1_000_000 : 100_000;
/** What a page asks for, and how far apart snapshots are at most. */
const WINDOW = 200;

Deno.test(`a past of ${STEPS} steps is opened and jumped through a window at a time`, async () => {
  await using db = await testDatabase();
  const { sql } = db;
  for (const [actor, steps] of [["old", STEPS], ["young", 1_000]] as const) {
    await sql`
      insert into perdura.actor_step (
        tenant_id, actor_id, version, at, event, from_state, to_state, status, tags, outcome,
        machine_version, body, effects, patch)
      select 'default', ${actor}, n, now() - (${STEPS} - n) * interval '1 second', 'HOLD', 'a', 'b',
             'active', '{}', 'handled', '1', '{}', '[]', '[]'
        from generate_series(1, ${steps}::integer) n`;
  }
  await sql`analyze`;
  for (const after of [0, Math.floor(STEPS / 2), STEPS - WINDOW]) {
    const window = ["default", "old", after, 2_147_483_647, WINDOW, false];
    const read = await mostRead(sql, statements.actorHistory, window);
    assertEquals(read, WINDOW, `after ${after}`);
  }
});

Deno.test(`of ${SIZE} actors on their way the few that are not are found at once`, async () => {
  await using db = await testDatabase();
  const { sql } = db;
  await sql`
    insert into perdura.actor (
      tenant_id, id, uid, root_id, machine, root_machine, machine_version, machine_hash, status, state,
      tags, version)
    select 'default', lpad(n::text, 8, '0'), gen_random_uuid(), 'r', 'm', 'm', '1', 'h',
           case when n > ${SIZE} - 3 then 'stalled' else 'active' end, 'a', '{}', 1
      from generate_series(1, ${SIZE}) n`;
  await sql`analyze`;
  const page = ["default", null, "stalled", null, "", LIMIT, "perdura.%", null];
  const read = await mostRead(sql, statements.actorList, [...page, ...termColumns([]), null]);
  assertEquals(read, 3);
  const [index] = await sql`
    select pg_relation_size('perdura.actor_resting')::integer / 8192 as pages`;
  assert(index?.pages <= 2, `those on their way are not in its ${index?.pages} pages`);
});

Deno.test(`of ${SIZE} children that have ended an actor reads as many as it tells of`, async () => {
  await using db = await testDatabase();
  const { sql } = db;
  await sql`
    insert into perdura.actor (
      tenant_id, id, uid, root_id, parent_id, machine, root_machine, machine_version, machine_hash,
      status, state, tags, version)
    select 'default', case when n = 0 then 'p' else 'p/' || lpad(n::text, 8, '0') end,
           gen_random_uuid(), 'p', case when n > 0 then 'p' end, 'm', 'm', '1', 'h',
           case when n = ${SIZE} then 'stalled' when n between 1 and ${SIZE} - 3 then 'done'
                else 'active' end, 'a', '{}', 1
      from generate_series(0, ${SIZE}) n`;
  await sql`analyze`;
  assertEquals(await mostRead(sql, statements.actorGet, ["default", "p"]), 100);
  const row = await db.store.actors.get("default", "p");
  assert(Array.isArray(row?.children));
  const told = row.children.map(({ status }) => status).slice(0, 4);
  assertEquals(told, ["stalled", "active", "active", "done"]);
});
