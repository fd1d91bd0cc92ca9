/**
 * `POST /jobs` beside the library: `deno run -A --config deno.json bench/posting.ts [--rounds N] [--ms N]`.
 *
 * 32 in flight each, by turns, on one database. Requests are sent by `wrk`.
 */
import { migrate } from "perdura";
import { contestant } from "./cells/contestants.ts";
import { EMPTY, Lab } from "./cells/lab.ts";
import { median } from "./cells/measurement.ts";
import { start } from "./operating/program.ts";
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
  const library = (time: number) =>
    measure(
      agent.pid,
      async () => (await agent.call("addOneByOne", { ms: time, inFlight: IN_FLIGHT })).jobs,
    );
  const post = await postingBy({ folder, inFlight: IN_FLIGHT, key: null });
  const http = (time: number) => measure(api.pid, () => post(api.url, time));
  await library(WARM_UP_MS);
  await http(WARM_UP_MS);
  const rows: string[][] = [];
  const ratios: number[] = [];
  for (let n = 0; n < rounds; n++) {
    const first = n % 2 === 0 ? await library(ms) : await http(ms);
    const second = n % 2 === 0 ? await http(ms) : await library(ms);
    const [by, over] = n % 2 === 0 ? [first, second] : [second, first];
    ratios.push(perSecond(over) / perSecond(by));
    rows.push([String(n + 1), ...shown(by), ...shown(over), (ratios.at(-1) ?? NaN).toFixed(2)]);
  }
  print("\nOne job at a time, 32 in flight, by the library and by POST /jobs:\n");
  const each = ["per second", "ours, µs", "database, µs"];
  print(table(["round", ...each, ...each.map((name) => `POST: ${name}`), "ratio"], rows));
  print(`\nPOST ÷ library, the middle: ${median(ratios).toFixed(2)}`);
}

async function measure(pid: number, add: () => Promise<number>): Promise<Measured> {
  const finish = meter(server.pid, [pid]);
  const jobs = await add();
  return { ...finish(), jobs };
}

function perSecond({ jobs, seconds }: Measured): number {
  return jobs / seconds;
}

function shown(found: Measured): string[] {
  const micro = (seconds: number) => (seconds / found.jobs * 1e6).toFixed(0);
  return [perSecond(found).toFixed(0), micro(found.workers), micro(found.database)];
}
