/**
 * What it costs to have tenants: `deno run -A --config deno.json bench/tenants.ts [--rounds N] [--jobs N]
 * [--ms N]`.
 *
 * `POST /jobs` with a key and without, sent by wrk; a drain of one tenant's jobs, of one whose limits were taken
 * away, of a thousand tenants', and of a thousand with limits that hold nobody up.
 */
import { median } from "./cells/measurement.ts";
import { makeFolder } from "./place/folder.ts";
import { Server } from "./place/postgres.ts";
import { readNumbers } from "./report/numbers.ts";
import { table } from "./report/table.ts";
import { print, say } from "./report/say.ts";
import { measureKeyed } from "./tenants/keyed.ts";
import { measureLimited, type Whose } from "./tenants/limited.ts";

const USAGE = "usage: deno run -A --config deno.json bench/tenants.ts [--rounds N] [--jobs N] " +
  "[--ms N]; 0 jobs or ms leave a part out";
const WHOSE: readonly Whose[] = ["one tenant", "limits off", "tenants", "limited tenants"];

const options = readNumbers(Deno.args, { rounds: 3, jobs: 40_000, ms: 4_000 });
if (options === null) {
  say(USAGE);
  Deno.exit(2);
}
const { rounds, jobs, ms } = options;
const folder = await makeFolder();
const server = await Server.start(`${folder}/postgres`);
try {
  if (ms > 0) await reportKeys();
  if (jobs > 0) await reportLimits();
} finally {
  await server.close();
  await Deno.remove(folder, { recursive: true }).catch(() => {});
}
Deno.exit(0);

async function reportKeys(): Promise<void> {
  const all = await measureKeyed(server, folder, rounds, ms);
  const open = all[0]?.found ?? [];
  const rows = all.map(({ door, found }) => [
    door,
    median(found.map(({ perSecond }) => perSecond)).toFixed(0),
    median(found.map(({ ours }) => ours)).toFixed(0),
    median(found.map(({ perSecond }, n) => (open[n]?.perSecond ?? NaN) / perSecond)).toFixed(3),
    median(found.map(({ ours }, n) => ours / (open[n]?.ours ?? NaN))).toFixed(3),
  ]);
  print(`\nPOST /jobs, 32 in flight, ${open.length} slices of a second each:\n`);
  print(table(["", "per second", "ours, µs", "time ÷ open", "processor ÷ open"], rows));
}

async function reportLimits(): Promise<void> {
  const rows: string[][] = [];
  for (let n = 0; n < rounds; n++) {
    say(`Round ${n + 1} of ${rounds}`);
    const seconds = new Map<Whose, number>();
    // Whoever comes first in a round is not to be so always.
    for (const whose of n % 2 === 0 ? WHOSE : WHOSE.toReversed()) {
      seconds.set(whose, (await measureLimited(server, whose, jobs)).seconds);
    }
    const all = WHOSE.map((whose) => seconds.get(whose) ?? NaN);
    const [one = NaN] = all;
    rows.push([
      String(n + 1),
      ...all.map((each) => (jobs / each).toFixed(0)),
      ...all.slice(1).map((each) => (one / each).toFixed(2)),
    ]);
  }
  print(`\nDrains of ${jobs} jobs, per second:\n`);
  print(table(["round", ...WHOSE, "off ÷ one", "tenants ÷ one", "limited ÷ one"], rows));
}
