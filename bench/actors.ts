// deno-lint-ignore-file no-console -- what it measures, it prints
/**
 * What actors cost as they grow old and many: `deno run -A --config deno.json bench/actors.ts [--sleepers N]`.
 *
 * The slope: one actor takes 10,000 events, and beside it, in the same moments, fresh ones take theirs; so
 * what the machine does meanwhile is in both. Sleepers: a thousand, and then so many (default 100,000;
 * `--sleepers` runs this part alone, a million takes some minutes and 2 GB), wait for a timer in a year;
 * what a worker beside them burns, and what a page of those in one state takes.
 */
import { createRuntime, defineMachine, migrate } from "perdura";
import { setup } from "xstate";
import { median } from "./cells/measurement.ts";
import { measureSlope } from "./cells/slope.ts";
import { makeFolder } from "./place/folder.ts";
import { meter } from "./place/meter.ts";
import { Server } from "./place/postgres.ts";
import { ageingOf } from "./report/ageing.ts";
import * as statements from "../sql/mod.ts";
import { termColumns } from "../src/store/listing.ts";

const STEPS = 10_000;
const IDLE_MS = 20_000;
/** So many sleepers are nothing yet. */
const FEW = 1_000;
const ASLEEP = { machine: "sleeper", status: "active", state: "asleep" } as const;
const YEAR_MS = 365 * 24 * 3_600_000;

const sleeper = setup({}).createMachine({
  id: "sleeper",
  initial: "asleep",
  states: { asleep: { after: { [YEAR_MS]: "awake" } }, awake: {} },
});

const sleepers = readSleepers(Deno.args);
const isWhole = Deno.args.length === 0;
const folder = await makeFolder();
const server = await Server.start(`${folder}/postgres`);
try {
  const url = server.urlOf("perdura");
  await migrate({ url });
  await using runtime = await createRuntime({
    databaseUrl: url,
    machines: [defineMachine(sleeper, { version: "1" })],
    migrate: false,
  });
  if (isWhole) console.log(`${ageingOf(await measureSlope(server, STEPS))}\n`);
  console.log("## Actors asleep\n");
  await asleep(runtime, sleepers);
} finally {
  await server.close();
  await Deno.remove(folder, { recursive: true }).catch(() => {});
}
Deno.exit(0);

type Runtime = Awaited<ReturnType<typeof createRuntime>>;

async function asleep(runtime: Runtime, count: number): Promise<void> {
  const { actors } = runtime;
  await actors.start({ machine: "sleeper", id: "example" });
  runtime.work();
  const stands: { ms: number; ours: number; theirs: number }[] = [];
  for (const many of [FEW, count]) {
    await fill(many);
    const look = () => actors.list({ tenantId: "default", ...ASLEEP }, "", 100);
    await look();
    const looks: number[] = [];
    for (let n = 0; n < 101; n++) looks.push(await timed(look));
    const ms = median(looks);
    const blocks = await blocksOfPage();
    await new Promise((done) => setTimeout(done, IDLE_MS / 4));
    const finish = meter(server.pid, [Deno.pid]);
    await new Promise((done) => setTimeout(done, IDLE_MS));
    const { database, workers, seconds } = finish();
    const stand = { ms, ours: workers / seconds * 100, theirs: database / seconds * 100 };
    stands.push(stand);
    console.log(
      `${String(many).padStart(9)} asleep: a page by state ${
        ms.toFixed(2)
      } ms, ${blocks} blocks; a worker beside them, ` +
        `of one core: ours ${stand.ours.toFixed(2)} %, PostgreSQL ${stand.theirs.toFixed(2)} %`,
    );
  }
  const [few, many] = stands;
  if (few && many) {
    console.log(`\npage among many over among few: ${(many.ms / few.ms).toFixed(2)}`);
  }
}

/** What a page reads, whatever else the machine does. */
async function blocksOfPage(): Promise<number> {
  await using sql = server.connect("perdura");
  const { machine, status, state } = ASLEEP;
  const page = ["default", machine, status, state, "", 100, "perdura.%", null];
  const [row] = await sql.unsafe(
    `explain (analyze, buffers, timing off, format json) ${statements.actorList}`,
    [...page, ...termColumns([]), null],
  );
  const plan = row?.["QUERY PLAN"][0].Plan;
  return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"];
}

/** Copies of one that has really gone to sleep would share its snapshot: so do these. */
async function fill(count: number): Promise<void> {
  await using sql = server.connect("perdura");
  await sql`
    insert into perdura.actor (tenant_id, id, uid, root_id, machine, root_machine, machine_version,
           machine_hash, status, state, tags, version, snapshot)
    select tenant_id, 'sleeper-' || n, gen_random_uuid(), 'sleeper-' || n, machine, root_machine,
           machine_version, machine_hash, status, 'asleep', '{}', 2, snapshot
      from perdura.actor, generate_series(1, ${count}) as n where id = 'example'
    on conflict do nothing`;
  await sql`
    insert into perdura.mailbox (tenant_id, actor_id, id, due_at, kind, gen, sender, timer_id, body)
    select tenant_id, id, gen_random_uuid(), now() + interval '1 year', 'event', null, id, 't', '{}'
      from perdura.actor a where state = 'asleep' and not exists (
       select from perdura.mailbox m where m.tenant_id = a.tenant_id and m.actor_id = a.id)`;
  await sql`vacuum analyze perdura.actor`;
  await sql`vacuum analyze perdura.mailbox`;
  await sql`checkpoint`;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

function readSleepers(args: readonly string[]): number {
  if (args.length === 0) return 100_000;
  const [name, value = ""] = args;
  if (name === "--sleepers" && /^[1-9]\d{0,7}$/.test(value)) return Number(value);
  console.error("usage: deno run -A --config deno.json bench/actors.ts [--sleepers N]");
  Deno.exit(2);
}
