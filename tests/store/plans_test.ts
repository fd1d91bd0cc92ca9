/**
 * The plans of the hot statements: no table is read as a whole, and what is read is bounded by what was
 * asked for, however many jobs there are and whatever the statistics say.
 */
import { assert, assertEquals } from "@std/assert";
import postgres from "postgres";
import { stateCode } from "../../src/core/codes.ts";
import { newId } from "../../src/core/id.ts";
import { INITIAL_STATE } from "../../src/core/lifecycle.ts";
import { commitStatement } from "../../src/store/changes.ts";
import { claimStatement } from "../../src/store/claiming.ts";
import type { Statement } from "../../src/store/database.ts";
import { limitedStatement } from "../../src/store/gates.ts";
import { insertStatement } from "../../src/store/inserting.ts";
import { column, quoted } from "../../src/store/literal.ts";
import { openStore } from "../../src/store/open.ts";
import * as statements from "../../sql/mod.ts";
import { buildJob, changeFor, claimAll, fromHead, laneOf } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

const BATCH = 200;
/** Rows read beside those asked for: a page of an index, a few dead ones. */
const SLACK = 50;
/** A table of a page or two is read as a whole, and rightly. */
const SMALL = 500;

const sizes = Deno.env.get("TEST_SIZE") === "long" ? [0, 10_000, 1_000_000] : [0, 10_000, 100_000];

interface Node {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Index Cond"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly Plans?: readonly Node[];
}

/** Waiting jobs, and as many ended ones, in one lane; statistics from before or after. */
async function filled(size: number, isFresh: boolean): Promise<TestDatabase> {
  const db = await testDatabase();
  await db.sql`alter table perdura.job set (autovacuum_enabled = off)`;
  await db.sql`alter table perdura.job_archive_default set (autovacuum_enabled = off)`;
  if (!isFresh) await db.sql`analyze`;
  const example = buildJob();
  await db.store.insert([example]);
  await db.sql`
    insert into perdura.job (tenant_id, id, lane, run_at, timeout_ms, version, state, priority,
                             max_attempts, max_crashes, has_data, queue, type, payload)
    select tenant_id, gen_random_uuid(), lane, now() - n * interval '1 ms', timeout_ms, 1, state, 0, 3, 3,
           false, queue, type, payload
      from perdura.job, generate_series(1, ${size}) as n`;
  await db.sql`
    insert into perdura.job_archive (tenant_id, id, lane, run_at, created_at, timeout_ms, version, state,
           priority, attempt, max_attempts, crashes, max_crashes, has_data, has_output, queue, type, payload)
    select tenant_id, gen_random_uuid(), lane, run_at, created_at, timeout_ms, 3,
           ${stateCode("succeeded")}::smallint, 0, 1, 3, 0, 3, false, false, queue, type, payload
      from perdura.job where id <> ${example.id}`;
  if (isFresh) await db.sql`analyze`;
  return db;
}

/** How PostgreSQL comes by a plan: for these parameters, or once for all, as it does for what runs often. */
const KINDS = ["custom", "generic"] as const;

/** A session that adds the nodes of plans that it is told. */
function tellingPlans(url: string, nodes: Node[]): postgres.Sql {
  const collect = (node: Node): void => {
    nodes.push(node);
    node.Plans?.forEach(collect);
  };
  const onnotice = ({ message = "" }) => {
    const [, plan] = message.split(" plan:\n");
    if (plan) collect(JSON.parse(plan).Plan);
  };
  return postgres(url, { max: 1, onnotice });
}

/**
 * Runs a statement, rolls it back, and gives the nodes of its plan, with those of the statements in functions that
 * it calls: as PostgreSQL logs them.
 */
async function planOf(
  { url }: TestDatabase,
  { text, parameters = [] }: Statement,
  kind: typeof KINDS[number],
): Promise<Node[]> {
  const nodes: Node[] = [];
  const sql = tellingPlans(url, nodes);
  const undo = new Error("undo");
  await sql.begin(async (tx) => {
    // As in the sessions of a store.
    await tx`set local enable_seqscan = off`;
    await tx.unsafe(`set local plan_cache_mode = force_${kind}_plan`);
    await tx.unsafe(`prepare examined as ${text}`);
    const given = parameters.length > 0 ? `(${parameters.map(literal).join(", ")})` : "";
    await tx.unsafe(TELL_PLANS);
    await tx.unsafe(`execute examined${given}`);
    throw undo;
  }).catch((error) => {
    if (error !== undo) throw error;
  });
  await sql.end();
  assert(nodes.length > 0, "a plan was told");
  return nodes;
}

/** From here on the server tells the plan of each statement when it has run. */
const TELL_PLANS = `
  load 'auto_explain';
  set auto_explain.log_min_duration = 0;
  set auto_explain.log_nested_statements = on;
  set auto_explain.log_analyze = on;
  set auto_explain.log_timing = off;
  set auto_explain.log_format = json;
  set auto_explain.log_level = notice`;

/** A parameter as SQL writes it. */
function literal(value: unknown): string {
  return value === null ? "null" : `'${String(value).replaceAll("'", "''")}'`;
}

function assertBounded(nodes: readonly Node[], what: string): void {
  for (const node of nodes) {
    const table = node["Relation Name"] ?? "";
    if (!/^(job|job_archive.*|dead_letter|job_data.*)$/.test(table)) continue;
    if (node["Node Type"] === "ModifyTable") continue;
    const read = (node["Actual Rows"] + (node["Rows Removed by Filter"] ?? 0)) *
      node["Actual Loops"];
    assert(read <= BATCH + SLACK, `${what}: ${node["Node Type"]} on ${table} read ${read} rows`);
  }
}

function assertNoTableScan(nodes: readonly Node[], what: string): void {
  const scans = nodes.filter((node) =>
    node["Node Type"] === "Seq Scan" && node["Relation Name"] === "job"
  );
  assertEquals(scans, [], `${what} reads the whole table`);
}

/** By the id alone the key of jobs is searched twice for each, once for every tenant there might be. */
function assertWholeKey(nodes: readonly Node[], what: string): void {
  const searches = nodes.filter((node) => node["Index Name"] === "job_pkey");
  for (const { "Index Cond": asked = "" } of searches) {
    assert(/tenant_id =/.test(asked), `${what} looks for jobs by ${asked}`);
  }
}

/** @param beside So many levels besides, which are empty. */
function claimOf(beside: number, limit = BATCH, isLone = false): Statement {
  const others = Array.from({ length: beside }, (_, n) => buildJob({ queue: `empty-${n}` }));
  return claimStatement({
    ...{ leaseId: newId(), worker: newId(), leaseMs: 30_000, limit, alone: false },
    lanes: [buildJob(), ...others].map((job) => ({ ...fromHead(laneOf(job), limit), isLone })),
  });
}

/** Past three gates, each with a rate and slots. */
async function limitedClaim(db: TestDatabase): Promise<Statement> {
  await db.sql`
    insert into perdura.gate (tenant_id, kind, name, rate, concurrency)
    values ('default', 0, '', 1000, 300), ('default', 1, 'default', 1000, 300),
           ('*', 2, 'debug.noop', 1000, 300)`;
  const lane = laneOf(buildJob());
  return limitedStatement({
    ...{ leaseId: newId(), worker: newId(), leaseMs: 30_000, limit: BATCH, alone: false },
    ...{ tenantRate: null, only: null, lanes: [fromHead(lane, BATCH)] },
  });
}

for (const size of sizes) {
  for (const isFresh of [true, false]) {
    const stand = `${size} waiting and ended jobs, statistics ${isFresh ? "fresh" : "stale"}`;
    Deno.test(`plans with ${stand}`, async () => {
      await using db = await filled(size, isFresh);
      const ends = new Set([
        "finish",
        "finish of rows that have moved",
        "finish of limited jobs",
        "commit",
      ]);
      const check = async (what: string, statement: Statement) => {
        for (const kind of KINDS) {
          const nodes = await planOf(db, statement, kind);
          assertBounded(nodes, `${what} (${kind})`);
          if (size > SMALL) assertNoTableScan(nodes, `${what} (${kind})`);
          if (ends.has(what)) assertWholeKey(nodes, `${what} (${kind})`);
        }
      };
      const batch = Array.from({ length: BATCH }, () => buildJob());
      await check("insert", insertStatement(batch, false));
      await check("insert of one", insertStatement([buildJob()], false));
      await check("insert with keys", {
        ...insertStatement(batch.map((job) => ({ ...job, idempotencyKey: job.id })), false),
      });
      await db.sql`
        insert into perdura.unique_key (tenant_id, key, job_id, payload_hash, expires_at)
        select 'default', id::text, gen_random_uuid(), 0, now() - interval '1 day'
          from unnest(${batch.map(({ id }) => id)}::uuid[]) as id`;
      await check("insert with keys that have expired", {
        ...insertStatement(batch.map((job) => ({ ...job, idempotencyKey: job.id })), false),
      });
      await check("claim of one job", claimOf(0, 1));
      await check("claim of a lone job", claimOf(0, BATCH, true));
      await check("claim of one level", claimOf(0));
      await check("claim", claimOf(1));
      await check("claim past gates", await limitedClaim(db));
      const jobs = await claimAll(db.store, Math.min(BATCH, size + 1));
      const options = { worker: newId(), expiredOnly: false };
      const [first] = jobs;
      assert(first !== undefined);
      const successes = jobs.map((job) => changeFor(job, { type: "SUCCEED" }));
      await check("finish", commitStatement(options, successes));
      await check("finish of rows that have moved", commitStatement(options, successes, true));
      const limited = jobs.map((job) => ({ ...job, holdsSlots: true }));
      await check(
        "finish of limited jobs",
        commitStatement(options, limited.map((job) => changeFor(job, { type: "SUCCEED" }))),
      );
      const failure = { type: "FAIL", retryable: true, when: { delayMs: 1000 } } as const;
      await check("commit", commitStatement(options, jobs.map((job) => changeFor(job, failure))));
      await check("expired", { text: statements.expired, parameters: [10] });
      await check("lanes", { text: statements.lanes, parameters: [] });
      await check("backlog", { text: statements.backlog, parameters: ["{0,1,3}", 2_000] });
      await check("mail", { text: statements.mailWaiting, parameters: [10_000] });
      await check("get", {
        text: statements.get,
        parameters: [first.tenantId, first.id, 0],
      });
      await check("ended", {
        text: statements.ended,
        parameters: [column(jobs, (job) => quoted(job.tenantId)), column(jobs, (job) => job.id)],
      });
    });
  }
}

Deno.test("a deep lane among many shallow ones is read from its head by every claim", async () => {
  await using db = await testDatabase();
  const example = buildJob();
  await db.store.insert([example]);
  await db.sql`
    insert into perdura.job (tenant_id, id, lane, run_at, timeout_ms, version, state, priority,
                             max_attempts, max_crashes, has_data, queue, type, payload)
    select t, gen_random_uuid(), lane, now() - n * interval '1 ms', timeout_ms, 1, state, 0, 3, 3, false,
           queue, type, payload
      from perdura.job,
           (select case when n % 7 = 0 then 'default' else 'other-' || n % 300 end as t, n
              from generate_series(1, 35000) as n order by random())
     where id = ${example.id}`;
  await db.sql`analyze perdura.job`;
  const limited = await limitedClaim(db);
  for (const kind of KINDS) {
    for (const limit of [1, BATCH]) {
      const ofLevel = await planOf(db, claimOf(0, limit), kind);
      assert(ofLevel.some((node) => node["Index Name"] === "job_claim"), "seen into the function");
      assertBounded(ofLevel, `claim of one level, ${limit} jobs (${kind})`);
    }
    assertBounded(await planOf(db, claimOf(1), kind), `claim (${kind})`);
    assertBounded(await planOf(db, limited, kind), `claim past gates (${kind})`);
  }
});

Deno.test("the claim index begins with what a claim asks by equality, and holds no state", async () => {
  await using db = await testDatabase();
  const [row] = await db.sql`select pg_get_indexdef('perdura.job_claim'::regclass) as text`;
  assert(row?.text.endsWith("(tenant_id, lane, priority, run_at, id)"));
  assertEquals(INITIAL_STATE, "pending");
});

/** Rows of jobs that were read, as the server counts. */
async function rowsRead(sql: postgres.Sql): Promise<number> {
  // Counted for good when a session ends.
  while ((await sql`select 1 from pg_stat_activity where application_name = 'planned'`).length > 0);
  const [row] = await sql`
    select (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::integer as n
      from pg_stat_user_tables where relid = 'perdura.job'::regclass`;
  return row?.n;
}

Deno.test("plans made while the tables were empty do not outlive the burst that follows", async () => {
  const [backlog, runs] = [20_000, 200];
  await using db = await testDatabase();
  await db.sql`alter table perdura.job set (autovacuum_enabled = off)`;
  await db.sql`vacuum analyze perdura.job, perdura.lease, perdura.activity`;
  const store = openStore({ url: db.url, name: "planned", connections: 1, planAgeMs: 0 });
  const runOne = async () => {
    const example = buildJob();
    await store.insert([example]);
    const [job] = await claimAll(store, 1);
    assert(job !== undefined);
    const change = changeFor(job, { type: "SUCCEED" });
    await store.commit(newId(), [change]);
  };
  for (let n = 0; n < 10; n++) await runOne();
  await db.sql`
    insert into perdura.job (tenant_id, id, lane, run_at, timeout_ms, version, state, priority,
                             max_attempts, max_crashes, has_data, queue, type, payload)
    select 'default', gen_random_uuid(), 0, now() + interval '1 day', 1000, 1, 0, 0, 3, 3, false, 'later',
           'debug.noop', '{}'
      from generate_series(1, ${backlog})`;
  for (let n = 0; n < runs; n++) await runOne();
  await store.close();
  const read = await rowsRead(db.sql);
  assert(read < backlog * runs / 4, `${read} rows of jobs read by ${3 * runs} statements`);
});

for (const limit of [1, BATCH]) {
  Deno.test(`a session without settings of ours claims ${limit} by the index, too, after its table was empty`, async () => {
    await using db = await testDatabase();
    await db.sql`alter table perdura.job set (autovacuum_enabled = off)`;
    await db.sql`vacuum analyze perdura.job`;
    const nodes: Node[] = [];
    const sql = tellingPlans(db.url, nodes);
    const { text, parameters } = claimOf(0, limit);
    const claim = () => sql.unsafe(text, [newId(), ...parameters.slice(1)]);
    for (let n = 0; n < 8; n++) await claim();
    await db.store.insert([buildJob()]);
    await db.sql`
    insert into perdura.job (tenant_id, id, lane, run_at, timeout_ms, version, state, priority,
                             max_attempts, max_crashes, has_data, queue, type, payload)
    select tenant_id, gen_random_uuid(), lane, run_at, timeout_ms, 1, state, 0, 3, 3, false, queue, type, payload
      from perdura.job, generate_series(1, 20000)`;
    await sql.unsafe(TELL_PLANS);
    await claim();
    await sql.end();
    assert(nodes.some((node) => node["Index Name"] === "job_claim"));
    assertBounded(nodes, "claim of one level");
  });
}
