/**
 * What changes, as server-sent events: the steps of one job, or the counts of all.
 *
 * One reader per process looks for all listeners together, woken by hints, at least once in a second,
 * and not at all when nobody listens. A listener that comes back names the last step it has seen.
 */
import { getLogger } from "@logtape/logtape";
import type { Job, Transition } from "../core/job.ts";
import { PerduraError, UnavailableError } from "../core/errors.ts";
import { accepts, type Jobs } from "../runtime/jobs.ts";

const log = getLogger(["perdura", "ui"]);

const POLL_MS = 1_000;
const HINT_PAUSE_MS = 50;
const HEARTBEAT_MS = 15_000;
const STEPS_MAX = 200;
/** Each holds a connection and is asked for once in a second. */
export const LISTENERS_MAX = 200;

/** What somebody listens to; `jobId` null: the counts of a tenant (null: of all). */
export interface Topic {
  readonly tenantId: string | null;
  readonly jobId: string | null;
  /** Steps up to this version are known. */
  readonly after: number;
}

interface Listener {
  readonly topic: Topic;
  readonly send: (chunk: string) => void;
  readonly end: () => void;
  version: number;
  shown: string;
}

/** The listeners of one process. */
export class Stream {
  readonly #jobs: Jobs;
  readonly #listeners = new Set<Listener>();
  #isReading = false;
  #wake: () => void = () => {};

  constructor(jobs: Jobs) {
    this.#jobs = jobs;
  }

  /** How many listen. */
  get size(): number {
    return this.#listeners.size;
  }

  /**
   * Opens a stream of events; whoever serves it cancels it when the client is gone.
   *
   * @throws {UnavailableError} Too many listen already.
   */
  open(topic: Topic): ReadableStream<Uint8Array> {
    if (this.#listeners.size >= LISTENERS_MAX) throw new UnavailableError("Too many listeners");
    const encoder = new TextEncoder();
    let stop = () => {};
    return new ReadableStream({
      start: (controller) => {
        // It may have gone while its news were read.
        const send = (chunk: string) => {
          if (this.#listeners.has(listener)) controller.enqueue(encoder.encode(chunk));
        };
        const heartbeat = setInterval(() => send(": still here\n\n"), HEARTBEAT_MS);
        const end = () => {
          stop();
          controller.close();
        };
        const listener: Listener = { topic, send, end, version: topic.after, shown: "" };
        stop = () => {
          clearInterval(heartbeat);
          this.#listeners.delete(listener);
        };
        this.#listeners.add(listener);
        send("retry: 1000\n\n");
        if (!this.#isReading) void this.#read();
        this.#wake();
      },
      cancel: () => stop(),
    });
  }

  /** Ends all streams: they would keep a server from stopping. Clients come back to the next one. */
  close(): void {
    for (const listener of [...this.#listeners]) listener.end();
    this.#wake();
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    const stopHints = await this.#jobs.host.store.onHint(() => this.#wake())
      .catch(() => () => Promise.resolve());
    while (this.#listeners.size > 0) {
      await this.#tellAll().catch((error) => {
        if (!(error instanceof UnavailableError)) log.error("Stream failed", { error });
      });
      await this.#pause(HINT_PAUSE_MS, false);
      await this.#pause(POLL_MS, true);
    }
    this.#isReading = false;
    await stopHints();
    if (this.#listeners.size > 0 && !this.#isReading) void this.#read();
  }

  async #tellAll(): Promise<void> {
    const byTenant = Map.groupBy(
      [...this.#listeners].filter(({ topic }) => topic.jobId === null),
      ({ topic }) => topic.tenantId,
    );
    for (const [tenantId, listeners] of byTenant) {
      const counts = JSON.stringify(await this.#jobs.counts(tenantId));
      for (const listener of listeners) this.#tell(listener, "counts", counts, null);
    }
    for (const listener of this.#listeners) await this.#tellJob(listener);
  }

  async #tellJob(listener: Listener): Promise<void> {
    const { tenantId, jobId } = listener.topic;
    if (jobId === null) return;
    try {
      const job = await this.#jobs.get(tenantId, jobId);
      if (job.version > listener.version) {
        const steps = await this.#jobs.history(tenantId, jobId, listener.version, STEPS_MAX);
        for (const step of steps) listener.send(messageOf("step", step));
        listener.version = steps.at(-1)?.version ?? listener.version;
      }
      this.#tell(listener, "job", JSON.stringify(resourceOf(job)), job);
    } catch (error) {
      // Deleted, or not theirs: nothing more will come.
      if (!(error instanceof PerduraError) || error instanceof UnavailableError) throw error;
      this.#listeners.delete(listener);
    }
  }

  /** Only what is new. */
  #tell(listener: Listener, event: string, data: string, job: Job | null): void {
    if (listener.shown === data) return;
    listener.shown = data;
    listener.send(job ? messageOf(event, JSON.parse(data)) : `event: ${event}\ndata: ${data}\n\n`);
  }

  async #pause(ms: number, canWake: boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    if (canWake) this.#wake = resolve;
    await promise;
    clearTimeout(timer);
    this.#wake = () => {};
  }
}

function resourceOf(job: Job) {
  const { leaseId: _, ...shown } = job;
  return { ...shown, accepts: accepts(job.state) };
}

function messageOf(event: string, value: Transition | object): string {
  const id = event === "step" && "version" in value ? `id: ${value.version}\n` : "";
  return `${id}event: ${event}\ndata: ${JSON.stringify(value)}\n\n`;
}
