/**
 * What one of our jobs costs, and where: `deno run -A --config deno.json bench/profile.ts`.
 *
 * CPU of the database and of our process, time and WAL by statement, WAL by table, and, in a drain of
 * its own since looking costs time, the parts of the hot statements.
 */
import type { Agent } from "./agent/process.ts";
import type { FunctionCost } from "./agent/profiler.ts";
import { contestant } from "./cells/contestants.ts";
import { type Contents, Lab, type Place } from "./cells/lab.ts";
import { round } from "./cells/measurement.ts";
import { meter, type Spent } from "./place/meter.ts";
import { makeFolder } from "./place/folder.ts";
import { Server } from "./place/postgres.ts";
import { readOptions } from "./profile/options.ts";
import { partsOf } from "./profile/plans.ts";
import { statementCosts, statementNames } from "./profile/statements.ts";
import { walPosition, walShares } from "./profile/wal.ts";
import { table } from "./report/table.ts";
import { print, say } from "./report/say.ts";

const options = readOptions(Deno.args);
if (typeof options === "string") {
  say(options);
  Deno.exit(2);
}
const { jobs, bytes, workers, settings } = options;
const nap = options.sleepMs > 0 ? { sleepMs: options.sleepMs } : {};
const who = contestant(options.who);
const nameOf = await statementNames();

const folder = await makeFolder();
const server = await startWithExtensions(`${folder}/postgres`);
try {
  const lab = new Lab(server, { node: null, redis: null, missing: {} }, folder);
  await profileAdding(lab);
  await profileDrain(lab);
  await profileTrickle(lab);
  await profileParts(lab);
  await profileFunctions(lab);
} finally {
  await server.close();
  await Deno.remove(folder, { recursive: true }).catch(() => {});
}
Deno.exit(0);

/** The libraries are read at a start, so it is started twice. */
async function startWithExtensions(dir: string): Promise<Server> {
  const first = await Server.start(dir);
  await first.run("perdura", "alter system set shared_preload_libraries = 'pg_stat_statements'");
  await first.run("perdura", "alter system set pg_stat_statements.track_planning = on");
  for (const [name, value] of settings) {
    await first.run(
      "perdura",
      `alter system set ${name} = '${value.replaceAll("'", "''")}'`,
    );
  }
  await first.close();
  const server = await Server.start(dir);
  await server.run("template1", "create extension pg_stat_statements");
  await server.run("template1", "create extension pg_walinspect");
  return server;
}

async function profileAdding(lab: Lab): Promise<void> {
  await using place = await lab.prepare(who, { fills: [] });
  await using agent = await lab.start(who, place);
  await agent.call("fill", { jobs: 2000, bytes });
  await watch(
    place,
    [agent.pid],
    `Adding ${jobs} jobs, 1,000 per call`,
    jobs,
    async () => {
      await agent.call("fill", { jobs, bytes });
    },
  );
  const flight = { ms: 3000, inFlight: 32 };
  let added = 0;
  await watch(
    place,
    [agent.pid],
    "Adding one by one, 32 in flight",
    () => added,
    async () => {
      added = (await agent.call("addOneByOne", flight)).jobs;
    },
  );
}

async function profileDrain(lab: Lab): Promise<void> {
  const contents: Contents = { fills: [{ jobs, bytes, ...nap }] };
  await using place = await lab.prepare(who, contents);
  await using stack = new AsyncDisposableStack();
  const agents = await startWorkers(lab, place, stack);
  const title = `Draining ${jobs} jobs, worker processes: ${workers}`;
  await watch(place, agents.map(({ pid }) => pid), title, jobs, () => drainBy(agents));
}

/** Jobs one by one into an idle worker: what latency is made of. */
async function profileTrickle(lab: Lab): Promise<void> {
  const trickle = { jobs: 200, gapMs: 20 };
  await using place = await lab.prepare(who, { fills: [] });
  await using worker = await lab.start(who, place);
  await using producer = await lab.start(who, place);
  await worker.call("work", { concurrency: null });
  await producer.call("probe", { jobs: 20, gapMs: 20 });
  const pids = [worker.pid, producer.pid];
  await watch(place, pids, "One job at a time into an idle worker", trickle.jobs, async () => {
    await producer.call("probe", trickle);
    while (worker.ended < trickle.jobs + 20) await new Promise((done) => setTimeout(done, 20));
  });
}

/** The parts of the statements, with every node timed: twice as slow, so only shares count. */
async function profileParts(lab: Lab): Promise<void> {
  await using place = await lab.prepare(who, { fills: [] });
  const database = place.database ?? "";
  const watching = {
    session_preload_libraries: "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_parameter_max_length": "0",
  };
  for (const [name, value] of Object.entries(watching)) {
    await server.run(
      "perdura",
      `alter database ${database} set ${name} = '${value}'`,
    );
  }
  await using stack = new AsyncDisposableStack();
  const agents = await startWorkers(lab, place, stack);
  await agents[0]?.call("fill", { jobs, bytes, ...nap });
  await drainBy(agents);
  const rows = partsOf(await readLogs(`${folder}/postgres`), nameOf)
    .filter(({ ms }) => ms / jobs > 0.0001)
    .map(({ statement, part, ms }) => [statement, part, String(round(ms / jobs * 1000, 2))]);
  print(
    `\n## Parts of the statements (timed node by node: shares, not sums)\n`,
  );
  print(table(["statement", "part", "µs per job"], rows));
}

/** What our process does with its CPU, by V8's sampling profiler. */
async function profileFunctions(lab: Lab): Promise<void> {
  await using empty = await lab.prepare(who, { fills: [] });
  await using producer = await lab.start(who, empty);
  await producer.call("fill", { jobs: 2000, bytes });
  await producer.call("sample", null);
  await producer.call("fill", { jobs, bytes });
  printFunctions("adding in bulk", await producer.call("functions", null));
  await using filled = await lab.prepare(who, { fills: [{ jobs, bytes, ...nap }] });
  await using worker = await lab.start(who, filled);
  await worker.call("sample", null);
  await drainBy([worker]);
  printFunctions("a drain", await worker.call("functions", null));
}

function printFunctions(what: string, costs: readonly FunctionCost[]): void {
  const us = (ms: number) => String(round(ms / jobs * 1000, 2));
  const own = costs.filter(({ name }) => name !== "(idle)" && name !== "(program)");
  print(`\n## Functions of our process in ${what}, own time\n`);
  print(table(
    ["function", "place", "µs per job"],
    own.slice(0, 30).map(({ name, place, ms }) => [name, place, us(ms)]),
  ));
}

async function watch(
  place: Place,
  pids: readonly number[],
  title: string,
  jobsOf: number | (() => number),
  work: () => Promise<void>,
): Promise<void> {
  say(title);
  const database = place.database ?? "";
  await server.settle();
  await server.run(database, "select pg_stat_statements_reset()");
  const from = await walPosition(server, database);
  const finish = meter(server.pid, pids);
  await work();
  const spent = finish();
  const to = await walPosition(server, database);
  const count = typeof jobsOf === "number" ? jobsOf : jobsOf();
  print(`\n## ${title}\n`);
  print(summary(spent, count));
  const costs = await statementCosts(server, database, nameOf);
  const per = (total: number, decimals = 0) => String(round(total / count, decimals));
  print(table(
    [
      "statement",
      "calls",
      "rows per call",
      "exec µs per job",
      "plan µs per job",
      "WAL B per job",
    ],
    costs.filter(({ execMs }) => execMs / count > 0.00005).map((c) => [
      c.name,
      String(c.calls),
      String(round(c.rows / c.calls, 1)),
      per(c.execMs * 1000, 2),
      per(c.planMs * 1000, 2),
      per(c.walBytes),
    ]),
  ));
  const shares = await walShares(server, database, from, to);
  print("");
  print(table(
    ["WAL written for", "B per job", "of them full-page images"],
    shares.filter(({ bytes }) => bytes / count >= 1)
      .map((share) => [share.relation, per(share.bytes), per(share.images)]),
  ));
}

function summary({ seconds, database, workers }: Spent, count: number): string {
  const us = (cpu: number) => round(cpu / count * 1e6, 1);
  return `${round(count / seconds)} jobs/s; CPU per job: PostgreSQL ${us(database)} µs, ` +
    `our process ${us(workers)} µs\n`;
}

async function startWorkers(lab: Lab, place: Place, stack: AsyncDisposableStack): Promise<Agent[]> {
  const agents: Agent[] = [];
  for (let n = 0; n < workers; n++) agents.push(stack.use(await lab.start(who, place)));
  return agents;
}

async function drainBy(agents: readonly Agent[]): Promise<void> {
  await Promise.all(agents.map((agent) => agent.call("work", { concurrency: null })));
  const ended = () => agents.reduce((sum, agent) => sum + agent.ended, 0);
  while (ended() < jobs || await agents[0]?.call("isBusy", null)) {
    await new Promise((done) => setTimeout(done, 20));
  }
}

async function readLogs(dir: string): Promise<string> {
  let text = "";
  for await (const { name } of Deno.readDir(`${dir}/log`)) {
    if (name.endsWith(".log")) {
      text += await Deno.readTextFile(`${dir}/log/${name}`);
    }
  }
  return text;
}
