/** Whether a worker reaches its database, and how it stops: readiness reads it, and logs say why not. */
import { getLogger } from "@logtape/logtape";
import { createActor } from "xstate";
import { workerMachine } from "../../machines/worker.ts";
import { systemClock } from "../core/clock.ts";
import type { UnavailableError } from "../core/errors.ts";

const log = getLogger(["perdura", "worker"]);

/** A full disk takes some writes and others not: what comes again so soon is no news. */
const NEWS_MS = 10_000;

/** Told by the parts of one worker; runs its machine. */
export class WorkerLife {
  readonly #actor = createActor(workerMachine);
  readonly stopped: PromiseWithResolvers<void> = Promise.withResolvers();
  #isDatabaseOk = false;
  /** Why the database failed last; null: it did not, or has taken something since. */
  #reason: string | null = null;
  readonly #newsMs: number;
  /** The state that was logged last, and when each was. */
  #logged = "";
  readonly #loggedAt = new Map<string, number>();
  #later: ReturnType<typeof setTimeout> | undefined;

  /** @param newsMs A state that was logged is not logged again for so long. */
  constructor(newsMs: number = NEWS_MS) {
    this.#newsMs = newsMs;
  }

  /** Begins to run, and to log. */
  start(): void {
    this.#actor.subscribe(() => this.#tell());
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
    clearTimeout(this.#later);
    this.#actor.send({ type });
    if (type === "STOPPED") this.stopped.resolve();
  }

  /** Logs the state that it has come to, at once or when that is news again. */
  #tell(): void {
    clearTimeout(this.#later);
    const { state } = this;
    if (state === this.#logged) return;
    const now = systemClock.monotonic();
    const leftMs = (this.#loggedAt.get(state) ?? -Infinity) + this.#newsMs - now;
    if (leftMs > 0) {
      this.#later = setTimeout(() => this.#tell(), leftMs);
      return;
    }
    this.#logged = state;
    this.#loggedAt.set(state, now);
    this.#log(state);
  }

  #log(state: string): void {
    const reason = this.#reason;
    if (reason === null) log.info("Worker {state}", { state });
    else log.warn("Worker {state}: {reason}", { state, reason });
  }
}
