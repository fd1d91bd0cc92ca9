/** What operators do with gates: set limits, pause, resume, drain; and what they see of them. */
import { DEFAULT_QUEUE } from "../core/job.ts";
import { type GateName, type GateState, type Limits, NO_LIMITS } from "../core/gate.ts";
import type { JobState } from "../../machines/job.ts";
import type { Store } from "../store/store.ts";

/** Whether a gate lets jobs pass. `draining`: those that are there, but it takes no new ones. */
export type Flow = "open" | "paused" | "draining";

/** A gate as operators see it. */
export interface GateView extends GateName {
  readonly flow: Flow;
  /** Since when it is not open. */
  readonly since: string | null;
  readonly limits: Limits;
  /** How many hold slots; 0 where there is no concurrency. */
  readonly slotsTaken: number;
  /** When its rate lets the next one start; null: now. */
  readonly refillAt: string | null;
}

/** A queue, with its jobs per state. */
export interface QueueView extends GateView {
  readonly counts: Readonly<Partial<Record<JobState, number>>>;
}

/** What this needs. */
export interface LimitingHost {
  readonly store: Store;
  readonly defaults: { readonly tenantRate?: number | null };
}

/** Limits and pauses, as operators handle them. */
export class Limiting {
  readonly #host: LimitingHost;

  constructor(host: LimitingHost) {
    this.#host = host;
  }

  /** One gate, whether anything is set on it or not. */
  async view(gate: GateName): Promise<GateView> {
    const [state] = await this.#states([gate]);
    return this.#viewOf(gate, state);
  }

  /** Sets all limits of a gate; every process obeys them within a second. */
  async setLimits(gate: GateName, limits: Limits): Promise<GateView> {
    await this.#host.store.gates.setLimits(gate, limits);
    return await this.#told(gate);
  }

  /** Opens or closes a gate; every process obeys within a second. */
  async setFlow(gate: GateName, flow: Flow): Promise<GateView> {
    const { gates } = this.#host.store;
    await gates.setPause(gate, flow === "paused", flow === "draining");
    return await this.#told(gate);
  }

  /** The queues of a tenant that have jobs, or something set, by name. */
  async queues(tenantId: string): Promise<QueueView[]> {
    const { store } = this.#host;
    const [counts, named] = await Promise.all([
      store.counts(tenantId),
      store.gates.names(tenantId, "queue"),
    ]);
    const names = [...new Set([DEFAULT_QUEUE, ...named, ...counts.map(({ queue }) => queue)])]
      .sort();
    const gates = names.map((name): GateName => ({ tenantId, kind: "queue", name }));
    const states = new Map((await this.#states(gates)).map((state) => [state.name, state]));
    return gates.map((gate) => {
      const own = counts.filter(({ queue }) => queue === gate.name);
      const ofStates = Object.fromEntries(own.map(({ state, count }) => [state, count]));
      return { ...this.#viewOf(gate, states.get(gate.name)), counts: ofStates };
    });
  }

  #states(gates: readonly GateName[]): Promise<GateState[]> {
    const { store, defaults } = this.#host;
    return store.gates.states(gates, 0, defaults.tenantRate ?? null);
  }

  /** Workers look for themselves: what is set, and what may start now. */
  async #told(gate: GateName): Promise<GateView> {
    this.#host.store.hint({ kind: "lanes", lanes: [] });
    return await this.view(gate);
  }

  #viewOf(gate: GateName, state: GateState | undefined): GateView {
    const flow = state?.pausedAt ? "paused" : state?.drainingAt ? "draining" : "open";
    const { ratePerMinute, burst, concurrency, weight, backlog } = state ?? this.#unset(gate);
    return {
      ...gate,
      flow,
      since: state?.pausedAt ?? state?.drainingAt ?? null,
      limits: { ratePerMinute, burst: burst ?? ratePerMinute, concurrency, weight, backlog },
      slotsTaken: state?.running ?? 0,
      refillAt: state?.refillAt ?? null,
    };
  }

  #unset({ kind }: GateName): Limits {
    const ratePerMinute = kind === "tenant" ? this.#host.defaults.tenantRate ?? null : null;
    return { ...NO_LIMITS, ratePerMinute };
  }
}
