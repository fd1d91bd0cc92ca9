/** The past of one job or actor: a window of its steps, and which of them is looked at. */
import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { NEAR } from "./asked_first.ts";
import { afterPaint } from "./after_paint.ts";
import type { Step } from "./lit.ts";

/** So many steps are kept around one; versions count steps, so any of them is one page away. */
export const WINDOW = 200;

/** Who steps faster than this is on the way: what is not looked at meanwhile follows when they rest. */
export const REST_MS = 60;

/** Gives the steps after a version, so many of them at most; after null: the newest. */
export type FetchSteps = (after: number | null, most: number) => Promise<readonly Step[]>;

/** Steps around the one that is looked at, ascending. */
export class Past {
  readonly steps: Signal<readonly Step[]> = signal([]);
  /** The version looked at; null: the latest, whatever comes. */
  readonly wanted: Signal<number | null> = signal(null);
  /** How often the steps were exchanged for others, elsewhere in the past. */
  readonly jumps: Signal<number> = signal(0);
  /** The newest version that is known of. */
  readonly latest: Signal<number> = signal(0);
  /** Where `wanted` is in `steps`; -1: nothing is loaded. */
  readonly index: ReadonlySignal<number> = computed(() => {
    const wanted = this.wanted.value;
    const steps = this.steps.value;
    return wanted === null
      ? steps.length - 1
      : steps.findLastIndex(({ version }) => version <= wanted);
  });
  readonly step: ReadonlySignal<Step | null> = computed(() =>
    this.steps.value[this.index.value] ?? null
  );
  /** Whether there is any step to look at. */
  readonly isOpen: ReadonlySignal<boolean> = computed(() => this.steps.value.length > 0);
  readonly #fetch: FetchSteps;
  readonly #soon: (then: () => void) => void;
  #asked = 0;

  /** `soon`: calls back when what has changed can be seen. */
  constructor(fetch: FetchSteps, soon = afterPaint) {
    this.#fetch = (after, most) => fetch(after === null ? null : Math.max(0, after), most);
    this.#soon = soon;
  }

  /**
   * Looks at a version (null: the latest, whatever comes), loading what is around it when need be. It
   * need not be known how many there are.
   */
  async look(version: number | null): Promise<void> {
    const mine = ++this.#asked;
    const latest = this.latest.value;
    const wanted = latest === 0 ? version : Math.min(version ?? latest, latest);
    const turn = (to: number) => this.wanted.value = version === null ? null : Math.max(1, to);
    const steps = this.steps.value;
    if (wanted !== null && wanted >= (steps[0]?.version ?? Infinity) && wanted <= lastOf(steps)) {
      turn(wanted);
      return;
    }
    const found = await this.#near(wanted);
    // Who drags the scrubber asks for many: the last one is what counts.
    if (mine !== this.#asked) return;
    const here = Math.min(wanted ?? Infinity, lastOf(found));
    this.#exchange(found, () => turn(here));
    if (version === null) await this.#reachEnd();
    await this.#fillUp(here);
  }

  /** Few steps, soon: those around a version, or the last ones where it is one of them or none. */
  async #near(version: number | null): Promise<readonly Step[]> {
    const after = version === null ? null : version - NEAR / 2;
    const isInside = after !== null &&
      (this.latest.value === 0 || after + NEAR < this.latest.value);
    const found = isInside ? await this.#fetch(after, NEAR) : [];
    if (found.length > 0) return found;
    return await this.#fetch(this.latest.value === 0 ? null : this.latest.value - NEAR, NEAR);
  }

  /** The rest of the window around a version, once those that are here are painted. */
  async #fillUp(version: number): Promise<void> {
    const [first] = this.steps.value;
    if (!first || (first.version === 1 && lastOf(this.steps.value) === this.latest.value)) return;
    await new Promise<void>((done) => this.#soon(done));
    const whole = await this.#fetch(
      Math.min(version - WINDOW / 2, this.latest.value - WINDOW),
      WINDOW,
    );
    const steps = this.steps.value;
    // Somebody has gone elsewhere meanwhile; only at the end more may have come.
    if (steps[0] !== first) return;
    const all = [...new Map([...whole, ...steps].map((step) => [step.version, step])).values()];
    // Older ones come below: who has scrolled meanwhile stays there.
    if (lastOf(all) === lastOf(steps)) this.#take(all);
    else this.#exchange(all);
  }

  /** Other steps around the same or another one. */
  #exchange(steps: readonly Step[], turn = () => {}): void {
    batch(() => {
      this.#take(steps);
      turn();
      this.jumps.value++;
    });
  }

  /** Fetches what has happened since; who looks at the past stays there. */
  async catchUp(version: number): Promise<void> {
    if (version <= this.latest.value) return;
    const isAtEnd = lastOf(this.steps.value) === this.latest.value;
    this.latest.value = version;
    if (isAtEnd || this.wanted.value === null) await this.#reachEnd();
  }

  /** Adds what lies between the steps that are here and the latest. */
  async #reachEnd(): Promise<void> {
    const steps = this.steps.value;
    const [last, latest] = [lastOf(steps), this.latest.value];
    const isFar = latest - last > WINDOW || steps.length > 4 * WINDOW;
    // What is looked at must not fall out at the other end.
    if (last >= latest || (isFar && this.wanted.value !== null)) return;
    const after = Math.max(last, latest - WINDOW);
    const found = await this.#fetch(after, WINDOW);
    // Somebody has gone elsewhere meanwhile: those are other steps.
    if (this.steps.value !== steps) return;
    this.#take([...after === last ? steps : [], ...found].slice(-5 * WINDOW));
  }

  #take(steps: readonly Step[]): void {
    batch(() => {
      this.steps.value = steps;
      this.latest.value = Math.max(this.latest.value, lastOf(steps));
    });
  }

  /** The version of the next failure in a direction, among the loaded ones. */
  failure(way: 1 | -1, isFailure: (step: Step) => boolean): number | null {
    const steps = this.steps.value;
    for (let at = this.index.value + way; at >= 0 && at < steps.length; at += way) {
      const step = steps[at];
      if (step && isFailure(step)) return step.version;
    }
    return null;
  }
}

const lastOf = (steps: readonly Step[]) => steps.at(-1)?.version ?? 0;
