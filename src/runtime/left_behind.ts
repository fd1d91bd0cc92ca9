/** Jobs that their actors have left: asked to end, many at a time, until there is no new one. */
import type { Store } from "../store/store.ts";

const PAGE = 500;
const AT_ONCE = 20;

/** What ending them needs. */
export interface LeftBehindHost {
  readonly store: Pick<Store, "actors">;
  readonly cancelJob: (tenantId: string, id: string) => Promise<void>;
}

/** Ends them for one process, once at a time. */
export class LeftBehind {
  readonly #host: LeftBehindHost;
  #isAtIt = false;
  #isAskedAgain = false;

  constructor(host: LeftBehindHost) {
    this.#host = host;
  }

  /** Those that there are now, and that come meanwhile. */
  async cancel(): Promise<void> {
    this.#isAskedAgain = true;
    if (this.#isAtIt) return;
    this.#isAtIt = true;
    try {
      while (this.#isAskedAgain) {
        this.#isAskedAgain = false;
        await this.#cancelAll();
      }
    } finally {
      this.#isAtIt = false;
    }
  }

  /** A job that runs stays in the list until its handler has heard of it. */
  async #cancelAll(): Promise<void> {
    const { store: { actors }, cancelJob } = this.#host;
    const asked = new Set<string>();
    for (;;) {
      const page = (await actors.leftBehind(PAGE)).filter(({ id }) => !asked.has(id));
      if (page.length === 0) return;
      for (let from = 0; from < page.length; from += AT_ONCE) {
        const some = page.slice(from, from + AT_ONCE);
        await Promise.all(some.map(({ tenantId, id }) => cancelJob(tenantId, id)));
        for (const { id } of some) asked.add(id);
      }
    }
  }
}
