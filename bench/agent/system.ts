/**
 * What the benchmark asks of every system, ours and the peers', in the same words.
 *
 * One process runs one system. Nothing here knows Deno, Node or any package: it runs on both.
 */

/** The payload of every job: an order, and what the handler is to do with it. */
export interface Payload {
  readonly orderId: number;
  readonly customer: string;
  readonly email: string;
  readonly total: number;
  /** Makes the payload larger. */
  readonly filler?: string;
  /** The handler sleeps this long, milliseconds. */
  readonly sleepMs?: number;
  /** The first so many attempts fail. */
  readonly failures?: number;
  /** When it should start, on the machine's clock: the handler notes how late it is. */
  readonly startAt?: number;
}

/** One job to add. */
export interface Work {
  readonly payload: Payload;
  readonly delayMs?: number;
  readonly tenant?: string;
}

/** How a worker is to run. `concurrency` null: as the variant has it. */
export interface WorkerPlan {
  readonly concurrency: number | null;
}

/** The handler, given by the agent. Sync where it can be, so that nothing but the system is measured. */
export type Run = (payload: Payload, attempt: number) => void | Promise<void>;

/** One system, opened on one database. */
export interface System {
  /** Makes the schema. */
  setUp(): Promise<void>;
  /** Adds one job; stored durably, by the system's own idea of it, when it resolves. */
  add(work: Work): Promise<unknown>;
  /** Adds many with one call. */
  addMany(works: readonly Work[]): Promise<unknown>;
  /** Runs jobs until the process ends. Resolves when the worker listens. */
  work(plan: WorkerPlan, run: Run): Promise<unknown>;
  /** Whether the store still has jobs that are due or running. */
  isBusy(): Promise<boolean>;
}

/** Where a system runs, and which of its settings are used. */
export interface AgentConfig {
  readonly url: string;
  readonly variant: string;
}

/** Milliseconds on a clock that all processes of the machine share, with microseconds. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** A job like any other: 83 bytes of JSON, or as many as asked for. */
export function order(bytes = 83): Payload {
  const bare = {
    orderId: 12_345,
    customer: "c-1029",
    email: "someone@example.com",
    total: 42.5,
  };
  return bytes <= 83 ? bare : { ...bare, filler: fillerOf(bytes - 97) };
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const fillers = new Map<number, string>();

/** Text that does not compress, the same in every process. */
function fillerOf(length: number): string {
  const known = fillers.get(length);
  if (known !== undefined) return known;
  let seed = 42;
  const letter = () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return LETTERS[seed >>> 26];
  };
  const made = Array.from({ length }, letter).join("");
  fillers.set(length, made);
  return made;
}
