// deno-lint-ignore-file no-console -- what it measures, it prints
/**
 * The services at size, and a fan-out of ten thousand: `deno run -A --config deno.json bench/services.ts
 * [import] [sync] [credits] [campaign] [fan]`. A durable PostgreSQL of its own; the worker is a process of its own, so that its
 * memory is that of the work: the most it ever had (VmHWM, Linux).
 */
import { setup } from "xstate";
import { z } from "zod";
import { createRuntime, defineHandler, defineMachine, forEach, type Runtime } from "perdura";
import { creditsPrepare } from "../handlers/credits_grant.ts";
import { emailSend } from "../handlers/email_send.ts";
import { employeesImport } from "../handlers/employees_import.ts";
import { financeSync } from "../handlers/finance_sync.ts";
import { creditGrants } from "../src/cli/credits.ts";
import { emailCampaigns } from "../src/cli/email_campaign.ts";
import { attachEmbedded } from "../src/embedded/server.ts";
import { Files } from "../src/runtime/files.ts";
import { openStore } from "../src/store/open.ts";
import postgres from "postgres";

const ROWS = 100_000;
const LEDGER = 1_000_000;
const CHILDREN = 10_000;
const CUSTOMERS = 100_000;
const MAILS = 10_000;
const WAIT_MS = 60 * 60_000;
const CASES = ["import", "sync", "credits", "campaign", "fan"] as const;

const noop = defineHandler({ type: "bench.noop", input: z.unknown(), handle: () => null });
const each = forEach({
  policy: { window: 4_000 },
  next: ({ cursor, limit }: { of: null; cursor: unknown; limit: number }) => {
    const from = Number(cursor ?? 0);
    const items = Array.from({ length: Math.min(limit, CHILDREN - from) }, (_, n) => from + n);
    return from + limit < CHILDREN ? { items, cursor: from + limit } : { items };
  },
  job: (n: number) => ({ type: "bench.noop", payload: { n } }),
});
const fan = setup({ actors: { each } }).createMachine({
  id: "fan",
  initial: "out",
  states: {
    out: { invoke: { src: "each", id: "each", input: () => null, onDone: "in" } },
    in: { type: "final" },
  },
});

const outboxDir = Deno.env.get("BENCH_OUTBOX") ??
  await Deno.makeTempDir({ prefix: "perdura-outbox-" });
const asFiles = { smtpUrl: null, outboxDir, from: "bench@example.org" };

function open(databaseUrl: string) {
  return createRuntime({
    databaseUrl,
    handlers: [noop, employeesImport(), financeSync(), creditsPrepare(), emailSend(asFiles)],
    machines: [defineMachine(fan, { version: "1" }), creditGrants, emailCampaigns],
  });
}

/** A worker process, and the most memory that it has had, MB. */
async function withWorker<T>(url: string, work: () => Promise<T>): Promise<[T, number]> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", "deno.json", "bench/services.ts", "--worker", url],
    cwd: new URL("..", import.meta.url),
    env: { BENCH_OUTBOX: outboxDir },
    stdin: "null",
  }).spawn();
  try {
    const result = await work();
    const status = await Deno.readTextFile(`/proc/${child.pid}/status`);
    return [result, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024];
  } finally {
    child.kill("SIGTERM");
    await child.status;
  }
}

async function timed(what: string, count: number, work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  const result = await work();
  const seconds = (performance.now() - begun) / 1000;
  const rate = Math.round(count / seconds);
  console.log(`${what}: ${count} in ${seconds.toFixed(1)} s, ${rate}/s`, result ?? "");
  return rate;
}

async function runJob(runtime: Runtime, type: string, payload: unknown) {
  const { id } = await runtime.jobs.enqueue({ type, payload });
  const job = await runtime.jobs.wait(null, id, WAIT_MS);
  if (job.state !== "succeeded") throw new Error(`${type}: ${job.state} ${job.lastError?.message}`);
  return job.output;
}

async function importing(url: string): Promise<void> {
  await using runtime = await open(url);
  const rows = Array.from(
    { length: ROWS },
    (_, n) => `e${n}@example.com,Employee ${n},Sales,2026-01-31`,
  );
  const fileId = await fileOf(url, ["email,name,department,start_date", ...rows]);
  const [, memory] = await withWorker(
    url,
    () => timed("employees.import", ROWS, () => runJob(runtime, "employees.import", { fileId })),
  );
  console.log(`employees.import: at most ${memory.toFixed(0)} MB`);
}

async function fileOf(url: string, lines: readonly string[]): Promise<string> {
  const store = openStore({ url, name: "perdura bench" });
  const { id } = await new Files(store.files).add({
    tenantId: "default",
    name: "lines.csv",
    mediaType: "text/csv",
    bytes: new TextEncoder().encode(lines.join("\n")),
  });
  await store.close();
  return id;
}

/** Starts an actor, and waits for its output. */
async function runActor(runtime: Runtime, machine: string, input: object) {
  const { actor: { id } } = await runtime.actors.start({ machine, input });
  return (await runtime.actors.wait(null, id, "done", { timeoutMs: WAIT_MS }))?.output;
}

async function granting(url: string): Promise<void> {
  await using runtime = await open(url);
  const fileId = await fileOf(url, Array.from({ length: CUSTOMERS }, (_, n) => `customer ${n}`));
  const input = { name: "bench", amount: 1, fileId };
  const [, memory] = await withWorker(url, async () => {
    await timed("credits.grant", CUSTOMERS, () => runActor(runtime, "credits.grant", input));
  });
  console.log(`credits.grant: at most ${memory.toFixed(0)} MB`);
}

async function mailing(url: string): Promise<void> {
  await using runtime = await open(url);
  const fileId = await fileOf(url, Array.from({ length: MAILS }, (_, n) => `c${n}@example.org`));
  const input = { subject: "Bench", fileId };
  const [, memory] = await withWorker(url, async () => {
    await timed(
      "email.campaign, as files",
      MAILS,
      () => runActor(runtime, "email.campaign", input),
    );
  });
  console.log(`email.campaign: at most ${memory.toFixed(0)} MB`);
}

async function syncing(url: string): Promise<void> {
  await using runtime = await open(url);
  const [, memory] = await withWorker(url, async () => {
    await runJob(runtime, "finance.sync", {});
    const sql = postgres(url, { max: 1, onnotice: () => {} });
    await sql`
      insert into ledger_entry (tenant_id, account, amount)
      select 'default', 'a' || n % 97, n from generate_series(1, ${LEDGER}) n`;
    await sql.end();
    await timed("finance.sync", LEDGER, () => runJob(runtime, "finance.sync", { chunk: 5_000 }));
  });
  console.log(`finance.sync: at most ${memory.toFixed(0)} MB`);
}

async function fanning(url: string): Promise<void> {
  await using runtime = await open(url);
  const rates = [];
  for (let round = 0; round < 3; round++) {
    rates.push(
      await timed("plain enqueue, one by one, 32 at once", CHILDREN, () => oneByOne(runtime)),
    );
  }
  await timed("plain enqueue, a thousand at once", CHILDREN, async () => {
    for (let from = 0; from < CHILDREN; from += 1_000) {
      await runtime.enqueueMany(noop, Array.from({ length: 1_000 }, (_, n) => ({ n: from + n })));
    }
  });
  const [fanned, memory] = await withWorker(url, async () => {
    await runJob(runtime, "bench.noop", {});
    const fans = [];
    for (let round = 0; round < 3; round++) {
      fans.push(await timed("fan out and in", CHILDREN, () => fanOnce(runtime, `fan ${round}`)));
    }
    return fans;
  });
  const middle = (of: number[]) => of.toSorted((a, b) => a - b)[1] ?? 0;
  const ratio = middle(fanned) / middle(rates);
  console.log(
    `fan out and in / plain enqueue: ${ratio.toFixed(2)}; at most ${memory.toFixed(0)} MB`,
  );
}

async function oneByOne(runtime: Runtime): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: 32 }, async () => {
    while (next < CHILDREN) {
      await runtime.jobs.enqueue({ type: "bench.noop", payload: { n: next++ } });
    }
  }));
}

/** Gives the steps of the parent, and how long its row is. */
async function fanOnce(runtime: Runtime, id: string) {
  await runtime.actors.start({ machine: "fan", id });
  const over = await runtime.actors.wait(null, id, "done", { timeoutMs: WAIT_MS });
  return { steps: over?.version, context: JSON.stringify(over?.context).length };
}

if (Deno.args[0] === "--worker") {
  const runtime = await open(Deno.args[1] ?? "");
  runtime.work();
  Deno.addSignalListener("SIGTERM", () => void runtime.close().then(() => Deno.exit(0)));
} else {
  const wrong = Deno.args.find((arg) => !CASES.some((name) => name === arg));
  if (wrong !== undefined) {
    console.error(`There is no "${wrong}"\n\nusage: bench/services.ts [${CASES.join("] [")}]`);
    Deno.exit(2);
  }
  const dir = await Deno.makeTempDir({ prefix: "perdura-services-" });
  await Deno.chmod(dir, 0o755);
  const server = await attachEmbedded({ dir, durable: true, onProgress: () => {} });
  const run = {
    ...{ import: importing, sync: syncing, fan: fanning },
    ...{ credits: granting, campaign: mailing },
  };
  try {
    for (const name of CASES) {
      if (Deno.args.length === 0 || Deno.args.includes(name)) await run[name](server.url);
    }
  } finally {
    await server.close();
    await Deno.remove(dir, { recursive: true });
    await Deno.remove(outboxDir, { recursive: true });
  }
}
