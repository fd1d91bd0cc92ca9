/** Whether a worker reaches its database, and how it stops: readiness reads it, and logs say why not. */
import { getLogger } from "@logtape/logtape";
import { createActor } from "xstate";
import { workerMachine } from "../../machines/worker.ts";
import type { UnavailableError } from "../core/errors.ts";

const log = getLogger(["perdura", "worker"]);

/** Told by the parts of one worker; runs its machine. */
export class WorkerLife {
  readonly #actor = createActor(workerMachine);
  readonly stopped: PromiseWithResolvers<void> = Promise.withResolvers();
  #isDatabaseOk = false;
  /** Why the database failed last; null: it did not, or has taken something since. */
  #reason: string | null = null;

  /** Begins to run, and to log. */
  start(): void {
    let last = "";
    this.#actor.subscribe(({ value }) => {
      if (value !== last) this.#log(value);
      last = value;
    });
    this.#actor.start();
  }

  /** `connecting`, `connected`, `degraded`, `reconnecting`, `draining` or `stopped`. */
  get state(): string {
    return this.#actor.getSnapshot().value;
  }

  /** Something has failed, and nothing has been written since. */
  get isFailing(): boolean {
    return this.#reason !== null;
  }

  /** The database has taken what was to be written; or it has not, and why. */
  onDatabase(failure: UnavailableError | null): void {
    const isOk = failure === null;
    // Told of every answer, it has something to decide at a change alone, or at a further failure.
    if (isOk && this.#isDatabaseOk) return;
    this.#isDatabaseOk = isOk;
    this.#reason = failure?.message ?? null;
    this.#actor.send({ type: isOk ? "DATABASE_OK" : "DATABASE_FAILED" });
  }

  /** It shall stop; it has stopped. */
  end(type: "STOP" | "STOPPED"): void {
    this.#reason = null;
    this.#actor.send({ type });
    if (type === "STOPPED") this.stopped.resolve();
  }

  #log(state: string): void {
    const reason = this.#reason;
    if (reason === null) log.info("Worker {state}", { state });
    else log.warn("Worker {state}: {reason}", { state, reason });
  }
}
