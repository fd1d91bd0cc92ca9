/**
 * Circuit breakers: outcomes move them, every process obeys them, operators have a hand on them.
 *
 * A process tells of failures as they come, and of successes while a breaker is not closed; those that come
 * together are stored at once, with a step for each change of state. What a breaker becomes is decided by its
 * machine and stored under the version that was read; when another process was faster, it is decided again.
 */
import type { BreakerEvent } from "../../machines/breaker.ts";
import {
  type Breaker,
  type BreakerStep,
  type DeclaredBreaker,
  moveBreaker,
  newBreaker,
} from "../core/breaker.ts";
import type { Clock } from "../core/clock.ts";
import { NotFoundError, UnavailableError } from "../core/errors.ts";
import { gateId, type GateName, gateText } from "../core/gate.ts";
import type { BreakerStore, HintStore, Lane } from "../store/store.ts";

const MOVE_TRIES = 10;

/** What breakers need. */
export interface BreakersHost {
  readonly store: HintStore & { readonly breakers: BreakerStore };
  readonly clock: Clock;
  readonly onFailure: (error: unknown) => void;
}

/** How a started attempt has ended. `startedAt`: monotonic, where nothing else is said. */
export interface Outcome {
  readonly isFailure: boolean;
  readonly startedAt: number;
}

interface Pending {
  readonly gate: GateName;
  readonly settings: DeclaredBreaker;
  outcomes: Outcome[];
}

/** What outcomes in one process make of breakers. */
export class Breakers {
  readonly #host: BreakersHost;
  readonly #pending = new Map<string, Pending>();
  #telling: Promise<void> | null = null;

  constructor(host: BreakersHost) {
    this.#host = host;
  }

  /** An attempt behind this gate has ended. Stored soon after. */
  note(gate: GateName, settings: DeclaredBreaker, outcome: Outcome): void {
    const key = gateId(gate);
    const pending = this.#pending.get(key) ?? { gate, settings, outcomes: [] };
    pending.outcomes.push(outcome);
    this.#pending.set(key, pending);
    this.#telling ??= this.#tellAll();
  }

  async #tellAll(): Promise<void> {
    // Those of one turn of the event loop are one change.
    await Promise.resolve();
    while (this.#pending.size > 0) {
      const all = [...this.#pending.values()];
      this.#pending.clear();
      for (const pending of all) await this.#tell(pending).catch(this.#host.onFailure);
    }
    // Right behind the last look: what is noted a moment later would wait for a telling that is over.
    this.#telling = null;
  }

  async #tell({ gate, settings, outcomes }: Pending): Promise<void> {
    await move(this.#host.store, gate, settings, null, (breaker) => {
      const now = this.#host.clock.monotonic();
      return outcomes.map(({ isFailure, startedAt }) => {
        const since = breaker.nowMs - (now - startedAt);
        return isFailure
          ? { type: "FAILURE", at: breaker.nowMs, startedAt: since }
          : { type: "SUCCESS", startedAt: since };
      });
    });
  }
}

/** Which breaker judges jobs of such a lane, by what their handler declares; null: none. */
export function breakerGate(
  lane: Pick<Lane, "tenantId" | "type" | "limitKey">,
  { per }: DeclaredBreaker,
): GateName | null {
  if (per === "type") return { tenantId: null, kind: "type", name: lane.type };
  const { tenantId, limitKey } = lane;
  return limitKey === null ? null : { tenantId, kind: "key", name: limitKey };
}

/** The time that a breaker was to stay open is over: probes may start. */
export async function coolBreaker(store: BreakersHost["store"], gate: GateName): Promise<void> {
  await move(store, gate, null, null, ({ nowMs }) => [{ type: "COOLED", at: nowMs }]);
}

/** An attempt outside of this process has ended. `startedAt`: milliseconds since 1970. */
export async function noteOutside(
  store: BreakersHost["store"],
  gate: GateName,
  settings: DeclaredBreaker,
  { isFailure, startedAt }: Outcome,
): Promise<void> {
  await move(store, gate, settings, null, ({ nowMs }) => [
    isFailure ? { type: "FAILURE", at: nowMs, startedAt } : { type: "SUCCESS", startedAt },
  ]);
}

/** Reads a breaker and moves it. Without settings only one that is there. */
async function move(
  store: BreakersHost["store"],
  gate: GateName,
  declared: DeclaredBreaker | null,
  cause: string | null,
  eventsOf: (breaker: Breaker) => BreakerEvent[],
): Promise<void> {
  for (let tries = 0; tries < MOVE_TRIES; tries++) {
    const [before] = await store.breakers.read([gate]);
    if (!before && !declared) return;
    if (!before && declared) {
      const after = newBreaker(settingsOf(declared));
      const transitions = [{ from: null, event: "MADE", to: after.state }];
      await store.breakers.save({ gate, before: null, after, transitions, cause: null });
    }
    if (!before) continue;
    // What the code declares now is what the next change goes by.
    const settings = declared ? settingsOf(declared) : before.context.settings;
    const { state, context } = before;
    const moved = moveBreaker({ state, context: { ...context, settings } }, eventsOf(before));
    if (moved === null) return;
    if (!await store.breakers.save({ gate, before, ...moved, cause })) continue;
    // Whoever waits there looks again at once.
    if (moved.after.state !== state) store.hint({ kind: "lanes", lanes: [] });
    return;
  }
  throw new UnavailableError(`The breaker of ${gateText(gate)} is changed all the time`);
}

function settingsOf({ failures, windowMs, openMs, probes }: DeclaredBreaker) {
  return { failures, windowMs, openMs, probes };
}

/** What operators do with breakers. */
export class BreakerDesk {
  readonly #store: BreakersHost["store"];

  constructor(store: BreakersHost["store"]) {
    this.#store = store;
  }

  /** Those of a tenant and of all tenants together, by name. */
  list(tenantId: string): Promise<Breaker[]> {
    return this.#store.breakers.list(tenantId);
  }

  /** One. @throws {NotFoundError} */
  async get(gate: GateName): Promise<Breaker> {
    const [breaker] = await this.#store.breakers.read([gate]);
    if (!breaker) throw new NotFoundError("breaker", gate.name);
    return breaker;
  }

  /** Its changes of state after a version, ascending. @throws {NotFoundError} */
  async steps(gate: GateName, after: number, limit: number): Promise<BreakerStep[]> {
    await this.get(gate);
    return await this.#store.breakers.steps(gate, after, limit);
  }

  /** Opens, closes or resets one by hand. @throws {NotFoundError} */
  async move(gate: GateName, type: "OPEN" | "CLOSE" | "RESET", cause: string): Promise<Breaker> {
    await this.get(gate);
    await move(this.#store, gate, null, cause, ({ nowMs }) => [{ type, at: nowMs }]);
    return await this.get(gate);
  }
}
