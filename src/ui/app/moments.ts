/** An actor as it was at each step that somebody rests at; those beside it are fetched before they are wanted. */
import { type Signal, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Actor } from "../../runtime/actor_view.ts";
import { call, queryOf } from "./api.ts";
import { glanceAt } from "./glance.ts";
import { type Past, REST_MS } from "./past.ts";

/** Contexts may be large. */
const KEPT_MAX = 40;

/** What is known of one actor's past. */
export class Moments {
  readonly #path: string;
  readonly #tenantId: string | null;
  readonly #known = new Map<number, Signal<Actor | null>>();

  constructor(path: string, tenantId: string | null) {
    this.#path = path;
    this.#tenantId = tenantId;
  }

  /** The actor at a version; null as long as that is not known. */
  at(version: number): Signal<Actor | null> {
    const found = this.#known.get(version) ?? signal(null);
    // The last ones that were looked at stay.
    this.#known.delete(version);
    this.#known.set(version, found);
    return found;
  }

  /** Asks for versions that are not known yet, the first ones first. */
  async want(versions: readonly number[]): Promise<void> {
    for (const version of versions) {
      const moment = this.at(version);
      if (moment.value) continue;
      const query = queryOf({ version, tenantId: this.#tenantId });
      moment.value = await call<Actor>(this.#path + query).catch(() => null);
    }
    for (const [version] of this.#known) {
      if (this.#known.size <= KEPT_MAX) break;
      this.#known.delete(version);
    }
  }
}

/** How an actor is shown: as it is, or as it was at the step that is looked at, and before that. */
export function useMoment(actor: Actor, past: Past, moments: Moments) {
  const step = glanceAt(past).value;
  const version = step?.version ?? actor.version;
  const isNow = version === actor.version;
  useEffect(() => {
    // What is now is what was, one step later: who follows live fetches nothing twice.
    moments.at(actor.version).value = actor;
    const near = [version, version - 1, version + 1, version - 2];
    const wanted = near.filter((each) => each >= 1 && each <= actor.version);
    const timer = setTimeout(() => void moments.want(wanted), REST_MS);
    return () => clearTimeout(timer);
  }, [version, actor, moments]);
  const last = useRef(actor);
  const known = isNow ? actor : moments.at(version).value;
  if (known) last.current = known;
  // Where it was is known from its step at once, the rest in a moment.
  const shown = known ?? { ...last.current, state: step?.to ?? last.current.state };
  return { version, isNow, shown, before: moments.at(version - 1).value };
}
