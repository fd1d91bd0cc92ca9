/**
 * `POST /jobs` beside the library, and beside a bare server that calls the library:
 * `deno run -A --config deno.json bench/posting.ts [--rounds N] [--ms N]`.
 *
 * 32 in flight each, by turns, on one database. Requests are sent by `wrk`.
 */
import { migrate } from "perdura";
import { contestant } from "./cells/contestants.ts";
import { EMPTY, Lab } from "./cells/lab.ts";
import { median } from "./cells/measurement.ts";
import { start, startBareApi } from "./operating/program.ts";
import { makeFolder } from "./place/folder.ts";
import { meter, type Spent } from "./place/meter.ts";
import { Server } from "./place/postgres.ts";
import { postingBy } from "./place/wrk.ts";
import { readNumbers } from "./report/numbers.ts";
import { table } from "./report/table.ts";
import { print, say } from "./report/say.ts";

const USAGE = "usage: deno run -A --config deno.json bench/posting.ts [--rounds N] [--ms N]";
const IN_FLIGHT = 32;
const WARM_UP_MS = 2_000;

/** A way to add jobs, and the process that does it. */
interface Way {
  readonly name: string;
  readonly pid: number;
  /** Adds for so long, and gives how many. */
  readonly add: (ms: number) => Promise<number>;
}

interface Measured extends Spent {
  readonly jobs: number;
}

const options = readNumbers(Deno.args, { rounds: 3, ms: 4_000 });
if (options === null) {
  say(USAGE);
  Deno.exit(2);
}
const { rounds, ms } = options;
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
  await migrate({ url: place.url, debug: true });
  await using agent = await lab.start(who, place);
  await using api = await start("api", place.url, { AUTH: "none" });
  await using bare = await startBareApi(place.url);
  const post = await postingBy({ folder, inFlight: IN_FLIGHT, key: null });
  const addOneByOne = async (time: number) =>
    (await agent.call("addOneByOne", { ms: time, inFlight: IN_FLIGHT })).jobs;
  const ways: readonly Way[] = [
    { name: "library", pid: agent.pid, add: addOneByOne },
    { name: "POST /jobs", pid: api.pid, add: (time) => post(api.url, time) },
    { name: "bare server", pid: bare.pid, add: (time) => post(bare.url, time) },
  ];
  for (const way of ways) await measure(way, WARM_UP_MS);
  const found: Measured[][] = [];
  for (let n = 0; n < rounds; n++) found.push(await measureAll(ways, n));
  print("\nOne job at a time, 32 in flight, by the library, by POST /jobs and by a bare server:\n");
  const each = ways.flatMap(({ name }) => [name, "ours, µs", "database, µs"]);
  print(table(["round", ...each], found.map((round, n) => [`${n + 1}`, ...round.flatMap(shown)])));
  const ratio = (over: number, by: number) =>
    median(found.map((round) => perSecond(round[over]) / perSecond(round[by]))).toFixed(2);
  print("\nThe middle of the rounds, jobs per second:");
  print(`POST ÷ library ${ratio(1, 0)}, bare ÷ library ${ratio(2, 0)}, POST ÷ bare ${ratio(1, 2)}`);
}

/** Of all ways in turn; every other round in the other direction. Given in the order of the ways. */
async function measureAll(ways: readonly Way[], round: number): Promise<Measured[]> {
  const found = new Map<Way, Measured>();
  for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
    found.set(way, await measure(way, ms));
  }
  return ways.flatMap((way) => found.get(way) ?? []);
}

async function measure({ pid, add }: Way, time: number): Promise<Measured> {
  const finish = meter(server.pid, [pid]);
  const jobs = await add(time);
  return { ...finish(), jobs };
}

function perSecond(found: Measured | undefined): number {
  return found ? found.jobs / found.seconds : NaN;
}

function shown(found: Measured): string[] {
  const micro = (seconds: number) => (seconds / found.jobs * 1e6).toFixed(0);
  return [perSecond(found).toFixed(0), micro(found.workers), micro(found.database)];
}
