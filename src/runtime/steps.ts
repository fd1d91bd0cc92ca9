/** `context.step`: each name runs once per job; a later attempt gets what was stored. */
import { PermanentError, UnknownResultError } from "../core/errors.ts";
import { describeError } from "../core/failure.ts";
import { findJsonIssue, type Kept } from "../core/json.ts";
import { serialise } from "../core/job.ts";
import { limits } from "../core/limits.ts";
import type { ClaimedJob, TransactionSql, WorkStore } from "../store/store.ts";
import type { StepSaver } from "./step_saver.ts";

type StepStore = Pick<WorkStore, "steps" | "stepTransaction">;

/** The steps of one attempt. */
export class Steps {
  readonly #job: ClaimedJob;
  readonly #store: StepStore;
  readonly #saver: StepSaver;
  /** JSON text by name: stored ones, and those under way here. */
  readonly #results = new Map<string, Promise<string>>();
  /** Results whose answer was lost: what may still come in is saved again, and not worked for again. */
  readonly #unheard = new Map<string, string>();
  #loaded: Promise<void> | null = null;
  /** The answer to a step was lost: it may be stored, and is looked for before it is tried again. */
  #isInDoubt = false;

  constructor(job: ClaimedJob, store: StepStore, saver: StepSaver) {
    this.#job = job;
    this.#store = store;
    this.#saver = saver;
  }

  /** Two calls of one name, also at once, run `work` once. Work that throws may be tried again. */
  run<T>(name: string, work: () => T | Promise<T>): Promise<Kept<T>> {
    return this.#once(name, () => this.#runAndSave(name, work));
  }

  /** The same for work that is done by one transaction, which stores the result too. */
  transact<T>(
    name: string,
    write: (sql: TransactionSql) => Promise<T>,
  ): Promise<Kept<T>> {
    return this.#once(name, async () => {
      let json = "null";
      await this.#store.stepTransaction(this.#job.tenantId, write, (result) => {
        json = resultJson(result);
        return { job: this.#job, attempt: this.#job.attempt, name, json };
      });
      return json;
    });
  }

  async #once<T>(name: string, produce: () => Promise<string>): Promise<T> {
    demandStorable(name, "The name of a step");
    await (this.#loaded ??= this.#load());
    let result = this.#results.get(name);
    if (!result) {
      result = produce();
      this.#results.set(name, result);
      // Whoever called hears of it; what was thrown may even throw when it is asked what it is.
      result.catch((error) => this.#failed(name, error)).catch(() => {});
    }
    return JSON.parse(await result);
  }

  #failed(name: string, error: unknown): void {
    this.#results.delete(name);
    if (!(error instanceof UnknownResultError)) return;
    this.#isInDoubt = true;
    this.#loaded = null;
  }

  async #load(): Promise<void> {
    // ENQUEUE, perhaps SCHEDULE, CLAIM: nothing can have been stored before.
    if (this.#job.attempt === 1 && this.#job.version <= 3 && !this.#isInDoubt) return;
    try {
      for (const [name, value] of await this.#store.steps(this.#job)) {
        if (this.#results.has(name)) continue;
        this.#results.set(name, Promise.resolve(JSON.stringify(value)));
      }
    } catch (error) {
      this.#loaded = null;
      throw error;
    }
  }

  async #runAndSave(name: string, work: () => unknown): Promise<string> {
    const json = this.#unheard.get(name) ?? resultJson(await work());
    const { attempt } = this.#job;
    try {
      await this.#saver.save({ job: this.#job, attempt, name, json });
      return json;
    } catch (error) {
      if (error instanceof UnknownResultError) this.#unheard.set(name, json);
      throw error;
    }
  }
}

/** Of an error of which only the message is wanted. */
const NO_TIME = new Date(0);

/**
 * The result of a step as text.
 *
 * @throws {PermanentError} It cannot be stored. The work is done, and would be done once more at each attempt.
 */
function resultJson(result: unknown): string {
  try {
    const json = serialise("Step result", result, limits.payloadBytesMax);
    demandStorable(JSON.parse(json), "Step result");
    return json;
  } catch (error) {
    const { message } = describeError(error, NO_TIME);
    throw Object.assign(new PermanentError(message), { code: "invalid_output" });
  }
}

/** @throws {PermanentError} PostgreSQL would not take it. */
function demandStorable(value: unknown, what: string): void {
  const issue = findJsonIssue(value, what, Infinity);
  if (issue) throw new PermanentError(`${issue.path}: ${issue.message}`);
}
