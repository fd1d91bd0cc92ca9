/** The one door to the breaker machine: what an event makes of a stored breaker. Pure. */
import { initialTransition, transition } from "xstate";
import { z } from "zod";
import {
  type BreakerContext,
  type BreakerEvent,
  breakerMachine,
  type BreakerSettings,
  type BreakerState,
} from "../../machines/breaker.ts";
import type { GateName } from "./gate.ts";
import { limits } from "./limits.ts";

/** `breaker` of a handler: settings, and whether each limit key has a breaker of its own. */
export const declaredBreakerSchema = z.strictObject({
  failures: z.int().min(1).max(limits.breakerFailuresMax),
  windowMs: z.int().min(1).max(limits.timeoutMsMax),
  openMs: z.int().min(1).max(limits.timeoutMsMax),
  probes: z.int().min(1).max(limits.breakerFailuresMax).default(1),
  per: z.enum(["type", "key"]).default("type"),
});

/** What a handler declares. */
export type DeclaredBreaker = z.output<typeof declaredBreakerSchema>;

/** Where a breaker is, by its machine. */
export interface BreakerPosition {
  readonly state: BreakerState;
  readonly context: BreakerContext;
}

/** A breaker as it is stored. Instants are RFC 3339, of the database's clock. */
export interface Breaker extends BreakerPosition {
  /** Of a type, in all tenants; or of a limit key. */
  readonly gate: GateName;
  /** +1 per event that has changed it. */
  readonly version: number;
  readonly changedAt: string;
  /** By the database's clock, when it was read. */
  readonly nowMs: number;
}

/** One change of state of a breaker. */
export interface BreakerStep {
  readonly version: number;
  readonly from: string | null;
  readonly event: string;
  readonly to: string;
  readonly at: string;
  readonly cause: string | null;
}

/** What one event has made of a breaker. */
export type BreakerTransition = Pick<BreakerStep, "from" | "event" | "to">;

/** What events have made of a breaker. */
export interface BreakerMove {
  readonly after: BreakerPosition;
  /** One for each event that has changed anything, in their order. */
  readonly transitions: readonly BreakerTransition[];
}

/** A new breaker: closed. */
export function newBreaker(settings: BreakerSettings): BreakerPosition {
  const [{ value, context }] = initialTransition(breakerMachine, settings);
  return { state: value, context };
}

/** What events make of a breaker, one after the other; null: nothing. */
export function moveBreaker(
  position: BreakerPosition,
  events: readonly BreakerEvent[],
): BreakerMove | null {
  let snapshot = breakerMachine.resolveState({ value: position.state, context: position.context });
  const transitions: BreakerTransition[] = [];
  for (const event of events) {
    const [next] = transition(breakerMachine, snapshot, event);
    if (next.value === snapshot.value && next.context === snapshot.context) continue;
    transitions.push({ from: snapshot.value, event: event.type, to: next.value });
    snapshot = next;
  }
  if (transitions.length === 0) return null;
  return { after: { state: snapshot.value, context: snapshot.context }, transitions };
}
