/**
 * Operations: work over many jobs that goes on after the request that asked for it.
 *
 * They live in this process, one after the other, the latest hundred remembered: a restart ends them,
 * and what they had done stays done.
 */
import { getLogger } from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import { UnavailableError } from "../core/errors.ts";
import { newId } from "../core/id.ts";

const log = getLogger(["perdura", "operations"]);

const KEPT_MAX = 100;

/** An operation as it stands. */
export interface Operation {
  readonly id: string;
  readonly kind: string;
  readonly state: "waiting" | "running" | "done" | "failed";
  /** Jobs that were counted when it was asked for. */
  readonly matched: number;
  readonly done: number;
  /** Jobs that had moved on, or did not accept it. */
  readonly skipped: number;
  readonly createdAt: string;
  readonly finishedAt: string | null;
}

/** What the work of an operation reports. */
export interface Progress {
  done(): void;
  skipped(): void;
}

/** The operations of one process. */
export class Operations {
  readonly #clock: Clock;
  readonly #operations = new Map<string, Operation>();
  #queue: Promise<void> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Begins an operation, behind those that run.
   *
   * @throws {UnavailableError} A hundred are waiting.
   */
  start(kind: string, matched: number, work: (progress: Progress) => Promise<void>): Operation {
    this.#forget();
    const operation: Operation = {
      id: newId(),
      kind,
      state: "waiting",
      matched,
      done: 0,
      skipped: 0,
      createdAt: this.#now(),
      finishedAt: null,
    };
    this.#operations.set(operation.id, operation);
    this.#queue = this.#queue.then(() => this.#run(operation.id, work));
    return operation;
  }

  /** One operation; null when it is not remembered. */
  get(id: string): Operation | null {
    return this.#operations.get(id) ?? null;
  }

  /** Newest first. */
  list(): Operation[] {
    return [...this.#operations.values()].reverse();
  }

  /** Resolves when all that were started have ended. */
  idle(): Promise<void> {
    return this.#queue;
  }

  /** Never rejects. */
  async #run(id: string, work: (progress: Progress) => Promise<void>): Promise<void> {
    this.#update(id, () => ({ state: "running" }));
    const progress: Progress = {
      done: () => this.#update(id, ({ done }) => ({ done: done + 1 })),
      skipped: () => this.#update(id, ({ skipped }) => ({ skipped: skipped + 1 })),
    };
    const failure = await work(progress).then(() => null, (error) => ({ error }));
    const state = failure ? "failed" : "done";
    this.#update(id, () => ({ state, finishedAt: this.#now() }));
    if (failure) log.error("Operation failed", { operationId: id, error: failure.error });
    else log.info("Operation done", { ...this.get(id) });
  }

  #update(id: string, change: (operation: Operation) => Partial<Operation>): void {
    const operation = this.#operations.get(id);
    if (operation) this.#operations.set(id, { ...operation, ...change(operation) });
  }

  #forget(): void {
    if (this.#operations.size < KEPT_MAX) return;
    const oldest = [...this.#operations.values()].find(({ finishedAt }) => finishedAt !== null);
    if (!oldest) throw new UnavailableError("Too many operations are waiting");
    this.#operations.delete(oldest.id);
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString();
  }
}
