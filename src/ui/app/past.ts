/** The past of one job or actor: a window of its steps, and which of them is looked at. */
import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { call, type Page, queryOf } from "./api.ts";
import type { Step } from "./lit.ts";

/** So many steps are asked for at once; versions count steps, so any of them is one page away. */
const WINDOW = 200;

/** Steps around the one that is looked at, ascending. */
export class Past {
  readonly steps: Signal<readonly Step[]> = signal([]);
  /** The version looked at; null: the latest, whatever comes. */
  readonly wanted: Signal<number | null> = signal(null);
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
  readonly #path: string;
  readonly #tenantId: string | null;

  constructor(path: string, tenantId: string | null = null) {
    this.#path = path;
    this.#tenantId = tenantId;
  }

  /** Looks at a version, loading what is around it when need be. */
  async look(version: number | null, signal?: AbortSignal): Promise<void> {
    const wanted = Math.min(version ?? this.latest.value, this.latest.value);
    const steps = this.steps.value;
    const isHere = wanted >= (steps[0]?.version ?? Infinity) &&
      wanted <= (steps.at(-1)?.version ?? 0);
    if (!isHere) {
      // The latest ones as they are; others with what is on both sides.
      const isLast = this.latest.value - wanted < WINDOW / 2;
      const after = Math.max(0, isLast ? this.latest.value - WINDOW : wanted - WINDOW / 2);
      const page = await call<Page<Step>>(this.#address(after), signal ? { signal } : {});
      this.steps.value = page.items;
      this.latest.value = Math.max(this.latest.value, page.items.at(-1)?.version ?? 0);
    }
    this.wanted.value = version === null ? null : Math.max(1, wanted);
  }

  /** Fetches what has happened since; who looks at the past stays there. */
  async catchUp(version: number): Promise<void> {
    if (version <= this.latest.value) return;
    const last = this.steps.value.at(-1)?.version ?? 0;
    const isAtEnd = last === this.latest.value;
    this.latest.value = version;
    if (!isAtEnd && this.wanted.value !== null) return;
    const after = version - last > WINDOW ? version - WINDOW : last;
    const page = await call<Page<Step>>(this.#address(after));
    const known = after === last ? this.steps.value.filter((step) => step.version <= last) : [];
    this.steps.value = [...known, ...page.items].slice(-5 * WINDOW);
    this.latest.value = Math.max(this.latest.value, page.items.at(-1)?.version ?? 0);
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

  #address(cursor: number): string {
    return this.#path + queryOf({ cursor, limit: WINDOW, tenantId: this.#tenantId });
  }
}
