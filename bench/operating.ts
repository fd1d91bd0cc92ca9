/**
 * What operators wait for: `deno run -A --config deno.json bench/operating.ts [--rounds N] [--jobs N]`.
 *
 * A bulk requeue beside the plain enqueue of the same jobs, with an API that answers meanwhile; schedules
 * that are due in the same second; pages of a large and of a small database.
 */
import { makeFolder } from "./place/folder.ts";
import { Server } from "./place/postgres.ts";
import { measureFiring } from "./operating/firing.ts";
import { measurePages, PAGE_HEADS } from "./operating/pages.ts";
import { measureRequeue, type RequeueRound } from "./operating/requeue.ts";
import { readNumbers } from "./report/numbers.ts";
import { table } from "./report/table.ts";
import { print, say } from "./report/say.ts";

const USAGE = "usage: deno run -A --config deno.json bench/operating.ts [--rounds N] [--jobs N] " +
  "[--schedules N] [--rows N]; 0 leaves a part out";

const options = readNumbers(Deno.args, {
  ...{ rounds: 3, jobs: 100_000, schedules: 10_000, rows: 1_000_000 },
});
if (options === null) {
  say(USAGE);
  Deno.exit(2);
}
const folder = await makeFolder();
const server = await Server.start(`${folder}/postgres`);
try {
  if (options.rounds > 0) await reportRequeue(options.rounds, options.jobs);
  if (options.schedules > 0) {
    for (const policy of ["allow", "skip"] as const) {
      const { seconds, runs, twice } = await measureFiring(server, options.schedules, policy);
      print(
        `\n${options.schedules} schedules due in the same second, overlap ${policy}, two workers: ` +
          `${runs} runs inserted within ${seconds.toFixed(2)} s, ${twice} of them twice`,
      );
    }
  }
  if (options.rows > 0) {
    const sizes = [Math.ceil(options.rows / 100), options.rows] as const;
    print(`\nPages, milliseconds, with ${sizes.join(" and ")} jobs and as many actors:\n`);
    print(table(PAGE_HEADS, await measurePages(server, sizes)));
  }
} finally {
  await server.close();
  await Deno.remove(folder, { recursive: true }).catch(() => {});
}
Deno.exit(0);

async function reportRequeue(rounds: number, jobs: number): Promise<void> {
  const found: RequeueRound[] = [];
  for (let n = 0; n < rounds; n++) {
    say(`Round ${n + 1} of ${rounds}`);
    found.push(await measureRequeue(server, jobs));
  }
  const ms = (value: number) => value.toFixed(1);
  const rows = found.map(({ enqueue, requeue, idle, busy }, n) => [
    String(n + 1),
    String(Math.round(jobs / enqueue.seconds)),
    String(Math.round(jobs / requeue.seconds)),
    (enqueue.seconds / requeue.seconds).toFixed(2),
    (enqueue.database / jobs * 1e6).toFixed(1),
    (requeue.database / jobs * 1e6).toFixed(1),
    `${ms(idle.middle)} / ${ms(idle.most)}`,
    `${ms(busy.middle)} / ${ms(busy.most)}`,
  ]);
  const head = [
    ...["round", "enqueued/s", "requeued/s", "ratio", "enqueue database µs", "requeue database µs"],
    ...["API idle, middle / most ms", "API meanwhile"],
  ];
  print(`\n${jobs} jobs, enqueued 1,000 per call with two calls in flight, then requeued:\n`);
  print(table(head, rows));
}
