/**
 * What changes, as server-sent events: the steps of one job or actor, or the counts of all.
 *
 * One reader per process looks for all listeners together, woken by hints, at least once in a second,
 * and not at all when nobody listens. It sends ids and states, never contexts or payloads: a page asks
 * for those itself. A listener that comes back names the last step it has seen.
 */
import { getLogger } from "@logtape/logtape";
import { PerduraError, UnavailableError } from "../core/errors.ts";
import type { Actors } from "../runtime/actors.ts";
import { Seats } from "../core/seats.ts";
import { Alarm } from "../runtime/alarm.ts";
import type { Jobs } from "../runtime/jobs.ts";
import type { Store } from "../store/store.ts";

const log = getLogger(["perdura", "ui"]);

const POLL_MS = 1_000;
const HINT_PAUSE_MS = 100;
const HEARTBEAT_MS = 15_000;
const STEPS_MAX = 200;
/** Each holds a connection. */
export const LISTENERS_MAX = 1_000;

/** What somebody listens to; `tenantId` null: any, and of counts, all. */
export interface Topic {
  readonly kind: "counts" | "job" | "actor";
  /** Of the job or the actor. */
  readonly id: string;
  readonly tenantId: string | null;
  /** Steps up to this version are known. */
  readonly after: number;
}

/** What is read. */
export interface StreamSource {
  readonly jobs: Jobs;
  readonly actors?: Actors;
}

interface Listener {
  readonly topic: Topic;
  /** The tenant that listens; null: whoever sees all of them. */
  readonly requester: string | null;
  readonly send: (chunk: string) => void;
  readonly end: () => void;
  version: number;
  shown: string;
}

/** A step, without what may be large. */
interface StepLine {
  readonly version: number;
  readonly from: string | null;
  readonly event: string;
  readonly to: string;
  readonly at: string;
}

/** The listeners of one process. */
export class Stream {
  readonly #source: StreamSource;
  readonly #listeners = new Set<Listener>();
  readonly #seats = new Seats(LISTENERS_MAX, "Too many listeners");
  #isReading = false;
  readonly #alarm = new Alarm();

  constructor(source: StreamSource) {
    this.#source = source;
  }

  get #store(): Store {
    return this.#source.jobs.host.store;
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
    const requester = this.#store.requester();
    const leave = this.#seats.take(requester);
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
        const begun = { version: topic.after, shown: "" };
        const listener: Listener = { topic, requester, send, end, ...begun };
        stop = () => {
          clearInterval(heartbeat);
          this.#listeners.delete(listener);
          leave();
        };
        this.#listeners.add(listener);
        send("retry: 1000\n\n");
        // For all who listen, not for who has come first.
        if (!this.#isReading) void this.#store.within(null, () => this.#read());
        this.#alarm.ring();
      },
      cancel: () => stop(),
    });
  }

  /** That there is what it tells of. @throws {NotFoundError} */
  async demand(topic: Topic): Promise<void> {
    if (topic.kind !== "counts") await this.#look(topic);
  }

  /** Ends all streams: they would keep a server from stopping. Clients come back to the next one. */
  close(): void {
    for (const listener of [...this.#listeners]) listener.end();
    this.#alarm.ring();
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    const stopHints = await this.#store.onHint(() => this.#alarm.ring())
      .catch(() => () => Promise.resolve());
    while (this.#listeners.size > 0) {
      await this.#tellAll().catch((error) => {
        if (!(error instanceof UnavailableError)) log.error("Stream failed", { error });
      });
      await new Promise((done) => setTimeout(done, HINT_PAUSE_MS));
      await this.#alarm.wait(POLL_MS);
    }
    this.#isReading = false;
    await stopHints();
    if (this.#listeners.size > 0 && !this.#isReading) void this.#read();
  }

  /** One look per topic, however many listen to it. */
  async #tellAll(): Promise<void> {
    const byTopic = Map.groupBy(
      this.#listeners,
      ({ topic: { kind, tenantId, id }, requester }) =>
        `${kind} ${requester ?? ""}\n${tenantId ?? ""}\n${id}`,
    );
    for (const listeners of byTopic.values()) {
      const [first] = listeners;
      if (first) {
        await this.#store.within(first.requester, () => this.#tell(first.topic, listeners));
      }
    }
  }

  #tell(topic: Topic, listeners: readonly Listener[]): Promise<void> {
    return topic.kind === "counts"
      ? this.#tellCounts(topic, listeners)
      : this.#tellOne(topic, listeners);
  }

  async #tellCounts({ tenantId }: Topic, listeners: readonly Listener[]): Promise<void> {
    const counts = JSON.stringify(await this.#source.jobs.counts(tenantId));
    for (const listener of listeners) tell(listener, "counts", counts);
  }

  async #tellOne(topic: Topic, listeners: readonly Listener[]): Promise<void> {
    try {
      const now = await this.#look(topic);
      for (const listener of listeners) {
        if (now.version > listener.version) {
          for (const step of await this.#steps(topic, listener.version)) {
            listener.send(`id: ${step.version}\nevent: step\ndata: ${JSON.stringify(step)}\n\n`);
            listener.version = step.version;
          }
        }
        tell(listener, topic.kind, JSON.stringify(now));
      }
    } catch (error) {
      // Deleted, or not theirs: nothing more will come.
      if (!(error instanceof PerduraError) || error instanceof UnavailableError) throw error;
      for (const listener of listeners) listener.end();
    }
  }

  async #look({ kind, tenantId, id }: Topic) {
    const { jobs, actors } = this.#source;
    if (kind === "actor" && actors) {
      const { version, state, status, updatedAt } = await actors.get(tenantId, id);
      return { version, state, status, updatedAt };
    }
    const { version, state, attempt, leaseUntil, cancelRequestedAt, progress } = await jobs.get(
      tenantId,
      id,
    );
    return { version, state, attempt, leaseUntil, cancelRequestedAt, progress };
  }

  async #steps({ kind, tenantId, id }: Topic, after: number): Promise<StepLine[]> {
    const { jobs, actors } = this.#source;
    const steps = kind === "actor" && actors
      ? await actors.history(tenantId, id, after, STEPS_MAX)
      : await jobs.history(tenantId, id, after, STEPS_MAX);
    return steps.map(({ version, from, event, to, at }) => ({ version, from, event, to, at }));
  }
}

/** Only what is new. */
function tell(listener: Listener, event: string, data: string): void {
  if (listener.shown === data) return;
  listener.shown = data;
  listener.send(`event: ${event}\ndata: ${data}\n\n`);
}
