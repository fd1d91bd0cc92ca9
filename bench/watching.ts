/**
 * What it costs to watch: `deno run -A --config deno.json bench/watching.ts [--rounds N] [--jobs N]
 * [--seconds N] [--rows N]`.
 *
 * A worker with nothing to do; `/metrics` beside a full database; drains with telemetry and without.
 */
import { makeFolder } from "./place/folder.ts";
import { Server } from "./place/postgres.ts";
import { readNumbers } from "./report/numbers.ts";
import { table } from "./report/table.ts";
import { print, say } from "./report/say.ts";
import { measureIdle } from "./watching/idle.ts";
import { measureScraping } from "./watching/scraping.ts";
import { type Drained, measureDrain } from "./watching/telemetry.ts";

const USAGE = "usage: deno run -A --config deno.json bench/watching.ts [--rounds N] [--jobs N] " +
  "[--seconds N] [--rows N]; 0 leaves a part out";

const options = readNumbers(Deno.args, {
  ...{ rounds: 3, jobs: 60_000, seconds: 60, rows: 1_000_000 },
});
if (options === null) {
  say(USAGE);
  Deno.exit(2);
}
const folder = await makeFolder();
const server = await Server.start(`${folder}/postgres`);
try {
  if (options.seconds > 0) {
    const { worker, database, memory } = await measureIdle(server, options.seconds);
    print(
      `\nA worker with nothing to do, ${options.seconds} s: ${
        (worker * 100).toFixed(2)
      } % of a core, ` +
        `PostgreSQL ${(database * 100).toFixed(2)} %, ${memory.toFixed(0)} MB`,
    );
  }
  if (options.rows > 0) {
    const { middle, most, lines } = await measureScraping(server, options.rows);
    print(
      `\n/metrics at ${options.rows} jobs: ${middle.toFixed(1)} ms in the middle, ` +
        `${most.toFixed(1)} at most, ${lines} lines`,
    );
  }
  if (options.rounds > 0) await reportTelemetry(options.rounds, options.jobs);
} finally {
  await server.close();
  await Deno.remove(folder, { recursive: true }).catch(() => {});
}
Deno.exit(0);

async function reportTelemetry(rounds: number, jobs: number): Promise<void> {
  const found: { off: Drained; on: Drained }[] = [];
  for (let n = 0; n < rounds; n++) {
    say(`Round ${n + 1} of ${rounds}`);
    // Whichever comes second finds a warmer machine: they take turns.
    const first = await measureDrain(server, jobs, n % 2 === 1);
    const second = await measureDrain(server, jobs, n % 2 === 0);
    found.push(n % 2 === 1 ? { off: second, on: first } : { off: first, on: second });
  }
  const us = ({ workers }: Drained) => (workers / jobs * 1e6).toFixed(1);
  const rate = ({ seconds }: Drained) => String(Math.round(jobs / seconds));
  print(`\nDrains of ${jobs} jobs, with telemetry and without:\n`);
  print(table(
    ["round", "jobs/s off", "jobs/s on", "on ÷ off", "worker µs off", "worker µs on", "requests"],
    found.map(({ off, on }, n) => [
      ...[
        String(n + 1),
        rate(off),
        rate(on),
        (off.seconds / on.seconds).toFixed(2),
        us(off),
        us(on),
      ],
      String(on.requests),
    ]),
  ));
}
