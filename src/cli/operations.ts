/** `operations`: list, show, start, stop, resume: what is done to many jobs, where the database is. */
import type { Command } from "commander";
import { InvalidInputError } from "../core/errors.ts";
import { issuesOf } from "../core/job.ts";
import { OPERATION_ACTIONS, type OperationAction, operationSchema } from "../core/operation.ts";
import { limits } from "../core/limits.ts";
import type { Operation } from "../runtime/operation_view.ts";
import { Operations } from "../runtime/operations.ts";
import type { Store } from "../store/store.ts";
import * as form from "./arguments.ts";
import { commander, recordCommand } from "./auditing.ts";
import { jobHeader, jobRow, type OutputOptions, print, printJson, printTable } from "./output.ts";
import { Progress } from "./progress.ts";
import { jobsOf, withStore } from "./service.ts";
import type { Settings } from "./settings.ts";

/** So often a command that waits looks. */
const LOOK_MS = 100;

/** An operation that was waited for has not come to its end. */
export class NotDoneError extends Error {
  override readonly name = "NotDoneError";

  constructor({ id, state, done, matched }: Operation) {
    super(`${id} is ${state}, with ${done} of ${matched} jobs done; operations resume goes on`);
  }
}

interface Options extends OutputOptions {
  readonly tenant?: string;
}

interface StartOptions extends Options {
  readonly type?: string;
  readonly queue?: string;
  readonly state?: readonly string[];
  readonly tag?: string;
  readonly from?: string;
  readonly to?: string;
  readonly ids?: readonly string[];
  readonly fingerprint?: string;
  readonly error?: string;
  readonly query?: string;
  readonly rate?: number;
  readonly runAt?: string;
  readonly dryRun?: boolean;
  readonly wait: boolean;
}

type Use = (settings: Settings) => Promise<void>;
type Run = (use: Use) => Promise<void>;
type MakeCommand = (parent: Command, name: string, about: string) => Command;

const header = ["id", "action", "state", "done", "skipped", "of", "tenant", "since", "by"];

const about: Readonly<Record<OperationAction, string>> = {
  requeue: "Bring dead letters back",
  retry: "Bring back what failed: dead letters, and what waits for its next attempt",
  cancel: "Cancel jobs",
  reschedule: "Give waiting jobs another time",
  delete: "Delete jobs that have ended",
};

/** Adds the commands to a program. */
export function addOperations(root: Command, command: MakeCommand, run: Run): void {
  const group = command(root, "operations", "Many jobs at once: requeue, cancel, list, stop, more");
  command(group, "list", "Newest first").option("--tenant <id>", "else: of all")
    .option("--limit <n>", "rows", form.rows, limits.pageDefault).option("--json", "as JSON")
    .action((options) => run((s) => list(s, options)));
  command(group, "show", "One operation, and what became of its jobs")
    .argument("<id>", "its id", form.id)
    .option("--items <n>", "jobs to show", form.rows, limits.pageDefault)
    .option("--json", "as JSON").action((id, options) => run((s) => show(s, id, options)));
  for (const action of ["stop", "resume"] as const) {
    const what = action === "stop" ? "Begin no other part" : "Go on where it was stopped";
    command(group, action, what).argument("<id>", "its id", form.id).option("--json", "as JSON")
      .action((id, options) => run((s) => control(s, action, id, options)));
  }
  for (const action of OPERATION_ACTIONS) addStart(group, action, command, run);
}

function addStart(group: Command, action: OperationAction, command: MakeCommand, run: Run): void {
  const start = command(group, action === "retry" ? "retry-failed" : action, about[action])
    .option("--dry-run", "say how many, show some, do nothing")
    .option("--tenant <id>").option("--type <name>").option("--queue <name>")
    .option("--state <names>", "separated by commas", form.states).option("--tag <text>")
    .option("--from <instant>", "ended or failed since", form.instant)
    .option("--to <instant>", "ended or failed until", form.instant)
    .option("--ids <ids>", "separated by commas", form.ids)
    .option("--fingerprint <text>", "of the error").option("--error <text>", "part of its message")
    .option("--query <text>", "as in GET /jobs?q=")
    .option("--rate <n>", "jobs in a second", form.whole(1, limits.ratePerSecondMax))
    .option("--no-wait", "leave it to the workers").option("--json", "as JSON");
  if (action === "reschedule") start.option("--run-at <instant>", "the new time", form.instant);
  start.action((options) => run((s) => begin(s, action, options)));
}

async function list(settings: Settings, { tenant, limit, json }: Options & { limit: number }) {
  await withOperations(settings, async (operations) => {
    const items = await operations.list(tenant ?? null, null, limit);
    if (json) await printJson(items);
    else await printTable(header, items.map(rowOf));
  });
}

async function show(settings: Settings, id: string, options: OutputOptions & { items: number }) {
  await withOperations(settings, async (operations) => {
    const operation = await operations.get(null, id);
    const items = (await operations.items(null, id, [0, 0], options.items))
      .map(({ id: jobId, outcome, at }) => ({ jobId, outcome: outcome ?? "waiting", at }));
    if (options.json) return await printJson({ ...operation, items });
    await printTable(header, [rowOf(operation)]);
    await printTable(["job", "outcome", "at"], items.map((i) => [i.jobId, i.outcome, i.at ?? ""]));
  });
}

async function control(
  settings: Settings,
  action: "stop" | "resume",
  id: string,
  { json }: OutputOptions,
) {
  await withOperations(settings, async (operations, store) => {
    const operation = await operations[action](null, id);
    await record(store, `operation.${action}`, operation);
    if (json) await printJson(operation);
    else await print(lineOf(operation));
  });
}

async function begin(settings: Settings, action: OperationAction, options: StartOptions) {
  const request = requestOf(action, options);
  await withOperations(settings, async (operations, store) => {
    if (options.dryRun) {
      const { matched, sample } = await operations.foresee(request);
      const jobs = sample.map(({ id, state, type, queue }) => ({ id, state, type, queue }));
      if (options.json) return await printJson({ matched, sample: jobs });
      await print(`${action} would be for ${matched} jobs`);
      if (sample.length > 0) await printTable(jobHeader, sample.map(jobRow));
      return;
    }
    const begun = await operations.start(request, { requestedBy: commander() });
    await record(store, "operation.start", begun);
    const operation = options.wait ? await ended(operations, begun) : begun;
    if (options.json) await printJson(operation);
    else await print(lineOf(operation));
    if (options.wait && operation.state !== "done") throw new NotDoneError(operation);
  });
}

/** @throws {InvalidInputError} */
function requestOf(action: OperationAction, options: StartOptions) {
  const { type, queue, state, tag, from, to, ids, fingerprint, error, query: q } = options;
  const { rate: ratePerSecond, runAt, tenant: tenantId } = options;
  const given = { type, queue, state, tag, from, to, ids, fingerprint, error, q };
  const parsed = operationSchema.safeParse({
    ...{ action, filter: told(given) },
    ...told({ ratePerSecond, runAt, tenantId }),
  });
  if (!parsed.success) throw new InvalidInputError(issuesOf(parsed.error, (path) => path));
  return parsed.data;
}

function told(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** Until it has come to its end, or does not go on by itself. */
async function ended(operations: Operations, begun: Operation): Promise<Operation> {
  const progress = new Progress(begun.action);
  let operation = begun;
  while (!["done", "failed", "stopped"].includes(operation.state)) {
    progress.show(operation.done + operation.skipped, operation.matched);
    await new Promise((done) => setTimeout(done, LOOK_MS));
    operation = await operations.get(null, begun.id);
  }
  progress.end();
  return operation;
}

function record(store: Store, action: string, { id, tenantId, ...operation }: Operation) {
  const detail = { action: operation.action, matched: operation.matched };
  return recordCommand(store, { tenantId, action, subject: `operations/${id}`, detail });
}

async function withOperations(
  settings: Settings,
  work: (operations: Operations, store: Store) => Promise<void>,
) {
  const debug = settings.PERDURA_DEBUG ?? true;
  await withStore(settings, { name: "perdura cli", debug }, async (store) => {
    await work(new Operations(jobsOf(settings, store, debug).host), store);
  });
}

function rowOf(operation: Operation): string[] {
  const { id, action, state, done, skipped, matched, tenantId, createdAt, requestedBy } = operation;
  const counts = [done, skipped, matched].map(String);
  return [id, action, state, ...counts, tenantId ?? "many", createdAt, requestedBy ?? ""];
}

function lineOf({ id, action, state, done, skipped, matched }: Operation): string {
  return `${id} ${action} ${state}: ${done} done, ${skipped} skipped, of ${matched}`;
}
