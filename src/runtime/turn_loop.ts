/** Turns without end: as long as mail is due, and then when the next comes, or somebody rings. */
import { jittered, type Random } from "../core/clock.ts";
import { Alarm } from "./alarm.ts";
import type { Glance } from "./glance.ts";
import type { Turner } from "./turner.ts";

const FAILURE_PAUSE_MS = 200;
const BUSY_PAUSE_MS = 25;

/** What the loop needs. */
export interface TurnLoopHost {
  readonly turner: Turner;
  readonly random: Random;
  readonly glance: Glance;
  /** The database has answered a question. */
  readonly onRead: () => void;
  readonly onFailure: (error: unknown) => void;
}

/** The turns of one worker. */
export class TurnLoop {
  readonly #host: TurnLoopHost;
  readonly #alarm = new Alarm();
  #isStopping = false;
  #onQuiet: (() => void)[] = [];
  /** Turns so far. */
  turns = 0;

  constructor(host: TurnLoopHost) {
    this.#host = host;
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    const { turner, glance, onRead, onFailure } = this.#host;
    // Asked to, it looks at once; otherwise first whether there is anything.
    let isAsked: boolean = true;
    while (!this.#isStopping) {
      try {
        const count: number = isAsked || await glance.maySee("mail") ? await turner.turnOnce() : 0;
        onRead();
        this.turns += count;
        isAsked = count > 0 || await this.#sleep();
      } catch (error) {
        onFailure(error);
        await this.#alarm.wait(jittered(FAILURE_PAUSE_MS, this.#host.random, 0.5));
      }
    }
    this.#tellQuiet();
  }

  /** There is mail; `isOld`: which was due long ago. */
  wake(isOld = false): void {
    if (isOld) this.#host.turner.cursor.rewind();
    this.#alarm.ring();
  }

  /** Resolves when no mail is due. */
  quiet(): Promise<void> {
    if (this.#isStopping) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onQuiet.push(resolve);
    this.#alarm.ring();
    return promise;
  }

  stop(): void {
    this.#isStopping = true;
    this.#alarm.ring();
  }

  /** Until the next mail is due, or the next look: whether somebody has rung. */
  async #sleep(): Promise<boolean> {
    const { turner, glance, random } = this.#host;
    this.#tellQuiet();
    const nextMs = await glance.maySee("mail") ? await turner.nextDue() : null;
    const longest = glance.pauseMs;
    // Due, and somebody else has it: who may be gone. Otherwise a millisecond late rather than early.
    const waitMs = nextMs === 0 ? jittered(BUSY_PAUSE_MS, random, 0.5) : (nextMs ?? longest) + 1;
    return await this.#alarm.wait(Math.min(longest, waitMs));
  }

  #tellQuiet(): void {
    for (const done of this.#onQuiet.splice(0)) done();
  }
}
