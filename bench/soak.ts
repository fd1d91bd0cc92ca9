/**
 * Steady load for long: `deno run -A --config deno.json bench/soak.ts [--minutes N] [--held N] [--rate N]`.
 *
 * One process adds jobs and runs them. Of the first minutes, `held`, another session keeps a snapshot open. Each
 * minute has a row: what a job costs, how many are not done, and what has grown.
 */
import { contestant } from "./cells/contestants.ts";
import { holdSnapshot } from "./cells/drain.ts";
import { EMPTY, Lab } from "./cells/lab.ts";
import { round } from "./cells/measurement.ts";
import { makeFolder } from "./place/folder.ts";
import { meter } from "./place/meter.ts";
import { Server } from "./place/postgres.ts";
import { readNumbers } from "./report/numbers.ts";
import { print, say } from "./report/say.ts";
import { table } from "./report/table.ts";

const USAGE = "usage: deno run -A --config deno.json bench/soak.ts " +
  "[--minutes N] [--held N] [--rate N]";
const MINUTE_MS = 60_000;
const NAMES = [
  "minute",
  "jobs/s",
  "database µs",
  "ours µs",
  "WAL B",
  "waiting",
  "dead rows",
  "live MB",
];

const STATE = `
  select (select count(*) from perdura.job)::integer as waiting,
         coalesce(sum(n_dead_tup), 0)::integer as dead,
         coalesce(sum(pg_total_relation_size(relid)), 0)::float8 as bytes
    from pg_stat_user_tables where schemaname = 'perdura' and relname in ('job', 'lease')`;

const options = readNumbers(Deno.args, { minutes: 30, held: 10, rate: 2_000 });
if (options === null) {
  say(USAGE);
  Deno.exit(2);
}
const { minutes, held, rate } = options;
const folder = await makeFolder();
const server = await Server.start(`${folder}/postgres`);
try {
  await report();
} finally {
  await server.close();
  await Deno.remove(folder, { recursive: true }).catch(() => {});
}
Deno.exit(0);

async function report(): Promise<void> {
  const lab = new Lab(server, { node: null, redis: null, missing: {} }, folder);
  const who = contestant("perdura");
  await using place = await lab.prepare(who, EMPTY);
  await using agent = await lab.start(who, place);
  const looking = server.connect(place.database ?? "");
  const holder = held > 0 ? await holdSnapshot(lab, place) : null;
  await agent.call("work", { concurrency: null });
  await agent.call("load", { perSecond: rate, sleepMs: 0 });
  const rows: string[][] = [];
  let [wal, ended] = [await server.wal(), 0];
  for (let minute = 1; minute <= minutes; minute++) {
    const finish = meter(server.pid, [agent.pid]);
    await new Promise((done) => setTimeout(done, MINUTE_MS));
    const { seconds, database, workers } = finish();
    const jobs = agent.ended - ended;
    const written = await server.wal() - wal;
    [wal, ended] = [wal + written, ended + jobs];
    if (minute === held) await holder?.[Symbol.asyncDispose]();
    const [found] = await looking.unsafe(STATE);
    rows.push([
      ...[String(minute), round(jobs / seconds), round(database / jobs * 1e6, 1)],
      ...[round(workers / jobs * 1e6, 1), round(written / jobs), found?.waiting, found?.dead],
      ...[round(found?.bytes / 2 ** 20, 1), memoryOf(agent.pid), memoryOf(server.pid, true)],
    ].map(String));
    say(rows.at(-1)?.join("  ") ?? "");
  }
  await looking.end({ timeout: 1 });
  print(`\n${rate} jobs a second, a snapshot held for the first ${held} minutes:\n`);
  print(table([...NAMES, "worker MB", "server MB"], rows));
}

/** MB of a process; `withChildren`: and of what it has begun, each shared page once. */
function memoryOf(pid: number, withChildren = false): number {
  const children = withChildren
    ? Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean)
    : [];
  const all = [pid, ...children.map(Number)];
  return round(all.reduce((sum, each) => sum + shareOf(each), 0) / 1024);
}

function shareOf(pid: number): number {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/smaps_rollup`);
    return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0);
  } catch {
    return 0; // It has ended.
  }
}
