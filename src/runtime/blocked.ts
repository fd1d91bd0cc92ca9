/** Blocked actors: each goes on as soon as the code that it waits for is here, and not before. */
import { compatibilityOf, demandOwn } from "../core/actor/mod.ts";
import type { ActorName, ActorView, Store } from "../store/store.ts";
import { isTaker, type Machines } from "./machines.ts";
import { statusAgain } from "./place.ts";
import type { CountDefaults } from "./preparing.ts";
import { Turning } from "./turning.ts";
import { upgraded } from "./upgrading.ts";

/** What looking needs. */
export interface BlockedHost {
  readonly store: Store;
  readonly machines: Machines;
  readonly defaults: CountDefaults;
}

/** Looked at by one sweep: the next goes on behind them, so that who stays hides nobody. */
const LOOKED_AT = 500;

/** Looks at them, one part after the other. */
export class Blocked {
  readonly #host: BlockedHost;
  readonly #commit: (turning: Turning) => Promise<unknown>;
  #after: ActorName | null = null;

  constructor(host: BlockedHost, commit: (turning: Turning) => Promise<unknown>) {
    this.#host = host;
    this.#commit = commit;
  }

  /** Lets those of one part go on that can. */
  async look(): Promise<void> {
    const { store: { actors }, machines } = this.#host;
    const known = machines.entries.map(({ definition: { name, version }, ...entry }) => {
      return { name, version: isTaker(entry) ? null : version };
    });
    const names = await actors.blocked(known, { after: this.#after, limit: LOOKED_AT });
    this.#after = names.length === LOOKED_AT ? names.at(-1) ?? null : null;
    for (const name of names) await this.#unblock(name);
  }

  async #unblock({ tenantId, id }: ActorName): Promise<void> {
    const { store: { actors }, machines, defaults } = this.#host;
    const view = await actors.read(tenantId, id, 0, null);
    if (view?.status !== "blocked" || !this.#mayGoOn(view)) return;
    const turning = new Turning(view, machines.logicOf(view) ?? null, defaults);
    turning.mark(statusAgain(turning.snapshot), "UNBLOCK", "sweep");
    await this.#commit(turning);
  }

  /** Its next step would find the chart that it stands in: else it would be blocked again, by every sweep. */
  #mayGoOn(view: ActorView): boolean {
    const { machines } = this.#host;
    const logic = machines.logicOf(view);
    try {
      if (logic === undefined) return upgraded(machines, view) !== null;
      if (view.snapshot === null) return true;
      demandOwn(logic.subject, view.snapshot);
      return compatibilityOf(logic.subject, view.snapshot).length === 0;
    } catch {
      // Or a migration or schema of the author's throws: the others are looked at all the same.
      return false;
    }
  }
}
