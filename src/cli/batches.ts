/** `batches`: begin one from a file of jobs, look at it, cancel it, where the database is. */
import type { Batch } from "../core/batch.ts";
import { InvalidInputError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import { Batches } from "../runtime/batches.ts";
import { recordCommand } from "./auditing.ts";
import { CommandError } from "./errors.ts";
import { type OutputOptions, print, printJson } from "./output.ts";
import { jobsOf } from "./handling.ts";
import { withStore } from "./service.ts";
import type { Settings } from "./settings.ts";

/** So often a command that waits looks. */
const LOOK_MS = 100;

/** A batch that was waited for has not come to what was asked. */
export class NotReachedError extends CommandError {
  override readonly name = "NotReachedError";

  constructor(batch: Batch) {
    super(lineOf(batch));
  }
}

/** What `batches start` takes. */
export interface StartOptions extends OutputOptions {
  readonly id?: string;
  readonly tenant?: string;
  readonly until: "all" | "any" | number;
  readonly stop?: boolean;
  readonly then?: unknown;
  readonly wait?: boolean;
}

/** Stores the jobs of a file, and waits for their end when asked to. @throws {NotReachedError} */
export async function startBatch(
  settings: Settings,
  file: string,
  options: StartOptions,
): Promise<void> {
  const { id, tenant: tenantId, until, stop, then } = options;
  const jobs = await jobsIn(file);
  const given = Object.entries({ id, tenantId, then }).filter(([, value]) => value !== undefined);
  const request = { jobs, until, onFailure: stop ? "stop" : "count", ...Object.fromEntries(given) };
  const shown = await use(settings, options, async (batches) => {
    const { batch } = await batches.startUnchecked(request);
    return options.wait ? await endOf(batches, batch) : batch;
  });
  if (options.wait && !shown.isReached) throw new NotReachedError(shown);
}

/** How far one has come. */
export async function showBatch(settings: Settings, id: string, options: OutputOptions) {
  await use(settings, options, (batches) => batches.get(null, id));
}

/** Cancels the jobs of one. */
export async function cancelBatch(
  settings: Settings,
  id: string,
  options: OutputOptions,
): Promise<void> {
  const debug = settings.PERDURA_DEBUG ?? true;
  await withStore(settings, { name: "perdura cli", debug }, async (store) => {
    const batch = await new Batches(jobsOf(settings, store, debug).host).cancel(null, id);
    const { tenantId } = batch;
    await recordCommand(store, { tenantId, action: "batch.cancel", subject: `batches/${id}` });
    await show(batch, options);
  });
}

async function use(
  settings: Settings,
  options: OutputOptions,
  work: (batches: Batches) => Promise<Batch>,
): Promise<Batch> {
  const debug = settings.PERDURA_DEBUG ?? true;
  return await withStore(settings, { name: "perdura cli", debug }, async (store) => {
    const batch = await work(new Batches(jobsOf(settings, store, debug).host));
    await show(batch, options);
    return batch;
  });
}

async function endOf(batches: Batches, { tenantId, id }: Batch): Promise<Batch> {
  for (;;) {
    const batch = await batches.get(tenantId, id);
    if (batch.state !== "running") return batch;
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
}

/** @throws {InvalidInputError} */
async function jobsIn(file: string): Promise<unknown[]> {
  const text = file === "-"
    ? await new Response(Deno.stdin.readable).text()
    : await Deno.readTextFile(file).catch((error) => {
      throw new InvalidInputError([{ path: "file", message: error.message }]);
    });
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length === 0 || lines.length > limits.batchJobsMax) {
    const message = `Must have 1 to ${limits.batchJobsMax} jobs, one per line`;
    throw new InvalidInputError([{ path: "file", message }]);
  }
  return lines.map((line, index) => {
    try {
      return JSON.parse(line);
    } catch {
      throw new InvalidInputError([{ path: `line ${index + 1}`, message: "Is not JSON" }]);
    }
  });
}

async function show(batch: Batch, { json }: OutputOptions): Promise<void> {
  if (json) await printJson(batch);
  else await print(lineOf(batch));
}

function lineOf({ id, state, total, succeeded, failed, cancelled, left }: Batch): string {
  return `${id} ${state}: ${succeeded} of ${total} succeeded, ${failed} failed, ` +
    `${cancelled} cancelled, ${left} left`;
}
