/** Behind PgBouncer in transaction mode: no LISTEN, no session, no named statement. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import postgres from "postgres";
import { z } from "zod";
import { setup } from "xstate";
import { createRuntime, defineHandler, defineMachine } from "perdura";
import { eventually } from "../support/build.ts";
import { emptyDatabase, serverUrl } from "../support/database.ts";
import { findPgbouncer, startPooler } from "../support/pooler.ts";

const program = await findPgbouncer();
const where = program ? "" : " (not shown: no pgbouncer on this machine)";

const effect = defineHandler({
  type: "pooled.effect",
  input: z.object({ key: z.string() }),
  handle: ({ key }, { job, transaction }) =>
    transaction(async (sql) => {
      // Two at once: the driver would send both, and keep the second for another connection.
      await Promise.all([
        sql`insert into debug_effect (key, job_id, attempt) values (${key}, ${job.id}, ${job.attempt})`,
        sql`select 1`,
      ]);
      return key;
    }),
});
const plain = defineHandler({ type: "pooled.plain", input: z.object({}), handle: () => "ok" });
const light = defineMachine(
  setup({}).createMachine({
    id: "light",
    initial: "red",
    states: {
      red: { on: { NEXT: "green" } },
      green: { after: { 20: "done" } },
      done: { type: "final" },
    },
  }),
  { version: "1" },
);

Deno.test(`behind a transaction-mode pooler everything works, on fewer connections than clients${where}`, async () => {
  if (program === null) return;
  await using db = await emptyDatabase();
  await using pooler = await startPooler(program, serverUrl(), 3);
  const url = pooler.urlOf(db.url);
  const options = {
    databaseUrl: url,
    isPooled: true,
    handlers: [effect, plain],
    machines: [light],
  };
  // Migrated through the pooler, by both at once.
  const [a, b] = await Promise.all([
    createRuntime({ ...options, pollMs: 50 }),
    createRuntime({ ...options, pollMs: 50 }),
  ]);
  const sql = postgres(db.url, { max: 1, onnotice: () => {} });
  await sql`create table if not exists debug_effect (
    key text not null, job_id uuid not null, attempt integer not null, at timestamptz default now())`;
  // More transactions at once than that would queue for each other's connections, on a slow machine
  // for longer than a call waits.
  a.work({ concurrency: 4 });
  b.work({ concurrency: 4 });
  const ids = (await a.enqueueMany(plain, Array.from({ length: 200 }, () => ({}))))
    .map(({ id }) => id);
  const keys = Array.from({ length: 50 }, (_, n) => `key ${n}`);
  const outputs = await Promise.all(
    keys.map((key) => b.enqueueAndWait(effect, { key }, { timeoutMs: 60_000 })),
  );
  assertEquals(outputs, keys);
  await eventually("all are done", async () => {
    const [row] = await sql`
      select count(*)::int as n from perdura.job_archive where type = 'pooled.plain'`;
    return row?.n === ids.length;
  });
  for (const id of ids.slice(0, 20)) assertEquals((await a.get(id)).state, "succeeded");
  const effects = await sql<{ key: string }[]>`select key from debug_effect order by key`;
  assertEquals(effects.map(({ key }) => key), keys.toSorted());
  const { actor } = await a.actors.start({ machine: "light", id: "one" });
  assertEquals(actor.state, "red");
  await b.actors.send("one", { type: "NEXT" });
  const ended = await eventually("the timer came", async () => {
    const { status, state } = await a.actors.get(null, "one");
    return status === "done" && state;
  });
  assertEquals(ended, "done");
  // By a transaction of the caller, through the pooler as well.
  const own = postgres(url, { max: 1, onnotice: () => {}, prepare: false, fetch_types: false });
  for (let n = 0; n < 5; n++) {
    const stored = await own.begin((tx) => a.enqueue(plain, {}, { tx }));
    stored.hint();
  }
  await own.end();
  const sessions = await sql`
    select count(*)::int as n from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid()`;
  assert(Number(sessions[0]?.n) <= 3, `${sessions[0]?.n} connections`);
  await Promise.all([a.close(), b.close()]);
  await sql.end();
});

Deno.test(`a session's settings are refused by the pooler: without isPooled the start says so${where}`, async () => {
  if (program === null) return;
  await using db = await emptyDatabase();
  await using pooler = await startPooler(program, serverUrl(), 3);
  const url = pooler.urlOf(db.url);
  await using runtime = await createRuntime({ databaseUrl: url, isPooled: true });
  await using wrong = await createRuntime({ databaseUrl: url, migrate: false });
  const said = await wrong.isWritable().then(() => "writable", (error) => String(error.message));
  assertMatch(said, /unsupported startup parameter|cannot|closed|lost/i);
  assertEquals(await runtime.isWritable(), true);
});
