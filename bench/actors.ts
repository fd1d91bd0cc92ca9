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
import { assign, setup } from "xstate";
import { median } from "./cells/measurement.ts";
import { makeFolder } from "./place/folder.ts";
import { meter } from "./place/meter.ts";
import { Server } from "./place/postgres.ts";
import * as statements from "../sql/mod.ts";
import { termColumns } from "../src/store/listing.ts";

const STEPS = 10_000;
const WINDOWS = 10;
const SAMPLE = 200;
const IDLE_MS = 20_000;
/** So many sleepers are nothing yet. */
const FEW = 1_000;
const ASLEEP = { machine: "counter", status: "active", state: "asleep" } as const;
const YEAR_MS = 365 * 24 * 3_600_000;

const counter = setup({ types: {} as { context: { n: number } } }).createMachine({
  id: "counter",
  context: { n: 0 },
  initial: "a",
  states: {
    a: { on: { NEXT: { target: "b", actions: assign({ n: ({ context }) => context.n + 1 }) } } },
    b: { on: { NEXT: { target: "a", actions: assign({ n: ({ context }) => context.n + 1 }) } } },
    asleep: { after: { [YEAR_MS]: "a" } },
  },
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
    machines: [defineMachine(counter, { version: "1" })],
    migrate: false,
  });
  if (isWhole) await slope(runtime.actors);
  console.log("## Actors asleep\n");
  await asleep(runtime, sleepers);
} finally {
  await server.close();
  await Deno.remove(folder, { recursive: true }).catch(() => {});
}
Deno.exit(0);

type Runtime = Awaited<ReturnType<typeof createRuntime>>;

async function slope(actors: Runtime["actors"]): Promise<void> {
  console.log(`## Slope over ${STEPS} events of one actor\n`);
  await actors.start({ machine: "counter", id: "old" });
  await sendMany(actors, "old", 500);
  const ratios: number[] = [];
  for (let window = 1; window <= WINDOWS; window++) {
    const upTo = STEPS / WINDOWS * window;
    const { version } = await actors.get(null, "old");
    await sendMany(actors, "old", Math.max(0, upTo - SAMPLE - version));
    const fresh = `fresh${window}`;
    await actors.start({ machine: "counter", id: fresh });
    let [oldMs, freshMs] = [0, 0];
    // One and one: whatever disturbs the machine disturbs both.
    for (let n = 0; n < SAMPLE; n++) {
      oldMs += await timed(() => actors.send("old", { type: "NEXT" }));
      freshMs += await timed(() => actors.send(fresh, { type: "NEXT" }));
    }
    ratios.push(oldMs / freshMs);
    console.log(
      `${String(upTo).padStart(6)} steps: ${(oldMs / SAMPLE).toFixed(2)} ms, ` +
        `beside a fresh actor's ${(freshMs / SAMPLE).toFixed(2)} ms: ${
          (oldMs / freshMs).toFixed(3)
        }`,
    );
  }
  const { perStep, error } = lineThrough(ratios);
  const sign = Math.abs(perStep) <= 2 * error ? "zero within noise" : "not zero";
  console.log(
    `\nslope of the ratio: ${(perStep * 1000).toFixed(4)} ± ${(2 * error * 1000).toFixed(4)} ` +
      `per 1,000 steps: ${sign}\n`,
  );
}

async function asleep(runtime: Runtime, count: number): Promise<void> {
  const { actors } = runtime;
  await actors.start({ machine: "counter", id: "example" });
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
    [...page, ...termColumns([])],
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

async function sendMany(actors: Runtime["actors"], id: string, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await actors.send(id, { type: "NEXT" });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

/** Least squares over the windows; the error is the slope's standard error. */
function lineThrough(ratios: readonly number[]): { perStep: number; error: number } {
  const step = STEPS / WINDOWS;
  const xs = ratios.map((_, index) => (index + 1) * step);
  const mean = (list: readonly number[]) => list.reduce((sum, each) => sum + each, 0) / list.length;
  const [mx, my] = [mean(xs), mean(ratios)];
  const spread = xs.reduce((sum, x) => sum + (x - mx) ** 2, 0);
  const perStep = xs.reduce((sum, x, i) => sum + (x - mx) * ((ratios[i] ?? 0) - my), 0) / spread;
  const rest = xs.reduce((sum, x, i) => sum + ((ratios[i] ?? 0) - my - perStep * (x - mx)) ** 2, 0);
  return { perStep, error: Math.sqrt(rest / (ratios.length - 2) / spread) };
}

function readSleepers(args: readonly string[]): number {
  if (args.length === 0) return 100_000;
  const [name, value = ""] = args;
  if (name === "--sleepers" && /^[1-9]\d{0,7}$/.test(value)) return Number(value);
  console.error("usage: deno run -A --config deno.json bench/actors.ts [--sleepers N]");
  Deno.exit(2);
}
