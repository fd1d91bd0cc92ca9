/**
 * The defect of the bare driver, in a process of its own: it may end with an uncaught error.
 *
 * The backend inside `sql.begin()` dies while others wait in the pool; once the driver has connected
 * again for them, the callback's next statement runs there, outside any transaction.
 */
import postgres from "postgres";

const PATIENCE_MS = 60_000;
const [url] = Deno.args;
const bare = postgres(url!, {
  max: 1,
  onnotice: () => {},
  connection: { application_name: "bare" },
});
const admin = postgres(url!, { max: 1, onnotice: () => {} });

/** The pool's backend, once it is at work on what matches. */
async function backend(doing: string): Promise<number | null> {
  const [row] = await admin`
    select pid from pg_stat_activity
     where datname = current_database() and application_name = 'bare' and query ~ ${doing}`;
  return row?.pid ?? null;
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500 && !await isTrue(); tries++) {
    await new Promise((done) => setTimeout(done, 10));
  }
}

const insert = (sql: postgres.TransactionSql, key: string) =>
  sql`insert into debug_effect (key, job_id, attempt) values (${key}, gen_random_uuid(), 1)`;

// The driver may also leave the callback hanging for ever, once its statement has leaked.
setTimeout(() => Deno.exit(0), PATIENCE_MS);

let leave = () => {};
const left = new Promise<void>((done) => leave = done);
await bare.begin(async (tx) => {
  await insert(tx, "before");
  const first = await backend("insert");
  for (let n = 0; n < 3; n++) bare`select pg_sleep(0.5)`.catch(() => {});
  await admin`select pg_terminate_backend(${first})`;
  // The driver is ready for more there, and busy: what the callback asks now is sent behind it.
  await until(async () => await backend("^select pg_sleep") !== null);
  await insert(tx, "after").catch(() => {});
  leave();
}).catch(() => {});
// `begin` is rejected at once; its callback goes on.
await left;
Deno.exit(0);
