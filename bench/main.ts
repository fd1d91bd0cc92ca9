/** `deno task bench`: ours and the peers on one PostgreSQL. See docs/performance.md. */
import { contestants } from "./cells/contestants.ts";
import { Lab } from "./cells/lab.ts";
import { measureSlope } from "./cells/slope.ts";
import { workloadsOf } from "./cells/workloads.ts";
import { type Flags, readFlags, usage } from "./flags.ts";
import { isDisturbed, measureBaseline } from "./place/baseline.ts";
import { makeFolder } from "./place/folder.ts";
import { command, install, type Installed } from "./place/install.ts";
import { describeMachine } from "./place/machine.ts";
import { Server } from "./place/postgres.ts";
import { markdownOf } from "./report/markdown.ts";
import { ratiosOf } from "./report/ratios.ts";
import type { Result } from "./report/result.ts";
import { print, say } from "./report/say.ts";
import { runRounds } from "./run.ts";

/** Nothing new begins after this: a quick run ends below eight minutes on any machine. */
const QUICK_MS = 7.1 * 60_000;

/** What a quick run does smaller than its name says. */
const SMALLER = {
  drain: "40,000 jobs instead of 100,000",
  slope: "2,000 events instead of 10,000",
  scale: "40,000 jobs, 100,000 waiting instead of 1,000,000, 300,000 finished instead of " +
    "10,000,000, 60,000 drained behind a held snapshot instead of 400,000",
};

/** How old an actor grows. */
const EVENTS = { quick: 2_000, full: 10_000 };

const names = [...workloadsOf("full").map(({ name }) => name), "slope"];
const flags = readFlags(Deno.args, names);
if (Deno.args.includes("--help")) {
  print(usage(names));
  Deno.exit(0);
}
if (typeof flags === "string") {
  say(`bench: ${flags}\n\n${usage(names)}`);
  Deno.exit(2);
}
Deno.exit(await benchmark(flags));

async function benchmark(flags: Flags): Promise<number> {
  const begun = performance.now();
  const mode = flags.isQuick ? "quick" : "full";
  const isAsked = (name: string) => flags.only.length === 0 || flags.only.includes(name);
  const workloads = workloadsOf(mode).filter(({ name }) => isAsked(name));
  const installed = await install();
  const folder = await makeFolder();
  const server = await Server.start(`${folder}/postgres`);
  const clean = async () => {
    await server.close();
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => void clean().then(() => Deno.exit(130)));
  }
  try {
    const baselineMs = flags.isQuick ? 1_500 : 4_000;
    const first = await measureBaseline(server, baselineMs);
    const found = await runRounds(new Lab(server, installed, folder), {
      workloads,
      rounds: flags.rounds,
      areExtrasOnce: flags.isQuick,
      deadline: flags.isQuick ? begun + QUICK_MS : Infinity,
    });
    const slope = isAsked("slope") ? await measureSlope(server, EVENTS[mode]) : null;
    const last = await measureBaseline(server, baselineMs);
    const result: Result = {
      mode,
      at: new Date().toISOString(),
      seconds: Math.round((performance.now() - begun) / 1000),
      rounds: flags.rounds,
      machine: await describeMachine(await versionOf(installed.node)),
      postgres: await server.settings(),
      versions: await versionsOf(installed),
      settings: settingsOf(workloads),
      smaller: flags.isQuick ? SMALLER : {},
      baseline: { first, last },
      isDisturbed: isDisturbed(first, last),
      ratios: ratiosOf(found.cells),
      slope,
      missing: found.missing,
      failures: found.failures,
      cut: found.cut,
      cells: found.cells,
    };
    print(markdownOf(result, workloads));
    if (flags.isJson) print(JSON.stringify(result));
    return 0;
  } finally {
    await clean();
  }
}

async function versionOf(node: string | null): Promise<string | null> {
  return node === null ? null : await command(node, ["--version"]);
}

/** Versions of the peers, as the lock has them. */
async function versionsOf({ redis }: Installed): Promise<Record<string, string>> {
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", import.meta.url)));
  const wanted: string[] = Object.values(config.imports);
  const pairs = wanted.map((specifier) => /^npm:(.+)@(.+)$/.exec(specifier)?.slice(1) ?? []);
  const server = redis === null ? "" : /v=(\S+)/.exec(await command(redis, ["--version"]))?.[1];
  return { ...Object.fromEntries(pairs), ...(server ? { redis: server } : {}) };
}

function settingsOf(workloads: readonly { entries: readonly { who: string }[] }[]) {
  const used = new Set(workloads.flatMap(({ entries }) => entries.map(({ who }) => who)));
  return Object.fromEntries(
    [...contestants.values()].filter(({ name }) => used.has(name)).map((c) => [c.name, c.settings]),
  );
}
