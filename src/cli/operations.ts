/** `operations`: list, show, start, stop, resume: what is done to many jobs, where the database is. */
import { InvalidInputError } from "../core/errors.ts";
import { issuesOf } from "../core/job.ts";
import { type OperationAction, operationSchema } from "../core/operation.ts";
import type { Operation } from "../runtime/operation_view.ts";
import { Operations } from "../runtime/operations.ts";
import type { Store } from "../store/store.ts";
import { commander, recordCommand } from "./auditing.ts";
import { CommandError } from "./errors.ts";
import { jobHeader, jobRow, type OutputOptions, print, printJson, printTable } from "./output.ts";
import { Progress } from "./progress.ts";
import { jobsOf } from "./handling.ts";
import { withStore } from "./service.ts";
import type { Settings } from "./settings.ts";

/** So often a command that waits looks. */
const LOOK_MS = 100;

/** An operation that was waited for has not come to its end. */
export class NotDoneError extends CommandError {
  override readonly name = "NotDoneError";

  constructor({ id, state, done, matched }: Operation) {
    super(`${id} is ${state}, with ${done} of ${matched} jobs done; operations resume goes on`);
  }
}

/** What all of them take. */
export interface OperationOptions extends OutputOptions {
  readonly tenant?: string;
}

/** What those that begin one take. */
export interface BeginOptions extends OperationOptions {
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

const header = ["id", "action", "state", "done", "skipped", "of", "tenant", "since", "by"];

/** Newest first. */
export async function listOperations(
  settings: Settings,
  { tenant, limit, json }: OperationOptions & { limit: number },
) {
  await withOperations(settings, async (operations) => {
    const items = await operations.list(tenant ?? null, null, limit);
    if (json) await printJson(items);
    else await printTable(header, items.map(rowOf));
  });
}

/** One, and what became of its jobs. */
export async function showOperation(
  settings: Settings,
  id: string,
  options: OutputOptions & { items: number },
) {
  await withOperations(settings, async (operations) => {
    const operation = await operations.get(null, id);
    const items = (await operations.items(null, id, [0, 0], options.items))
      .map(({ id: jobId, outcome, at }) => ({ jobId, outcome: outcome ?? "waiting", at }));
    if (options.json) return await printJson({ ...operation, items });
    await printTable(header, [rowOf(operation)]);
    await printTable(["job", "outcome", "at"], items.map((i) => [i.jobId, i.outcome, i.at ?? ""]));
  });
}

/** Stops one, or goes on with it. */
export async function controlOperation(
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

/** Begins one, and waits for its end unless told not to. @throws {NotDoneError} */
export async function beginOperation(
  settings: Settings,
  action: OperationAction,
  options: BeginOptions,
) {
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
function requestOf(action: OperationAction, options: BeginOptions) {
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
