/**
 * Gates: what jobs of a tenant, of one of its queues, of a type, or with a limit key have to pass before they
 * start.
 *
 * A gate may be paused, let so many start in a minute, let so many run at once. A job passes all of
 * its gates or none; while it does not, it waits in its lane and costs nothing.
 */
import { z } from "zod";
import type { BreakerState } from "../../machines/breaker.ts";
import { limits } from "./limits.ts";

/** What a gate is of. Its place is its code in the database. */
export const GATE_KINDS = ["tenant", "queue", "type", "key"] as const;

/** What a gate is of. */
export type GateKind = (typeof GATE_KINDS)[number];

/** The name of a gate. */
export interface GateName {
  /** Null: of all tenants together. */
  readonly tenantId: string | null;
  readonly kind: GateKind;
  /** Queue, type or limit key; empty of a tenant. */
  readonly name: string;
}

/** What operators set; null: no such limit. */
export interface Limits {
  /** Starts per minute, retries included. */
  readonly ratePerMinute: number | null;
  /**
   * Starts at once, after a pause. As large as the rate, or null: no 60 s have more starts than the
   * rate. Of another size: no time has more than `burst` and what the rate allows in that time.
   */
  readonly burst: number | null;
  /** Jobs that run at the same time. */
  readonly concurrency: number | null;
  /** Share of the starts among its like, where there is more to do than can be done. */
  readonly weight: number;
  /** Jobs of a tenant that may wait; of tenants alone. */
  readonly backlog: number | null;
}

/** No limits at all. */
export const NO_LIMITS: Limits = {
  ratePerMinute: null,
  burst: null,
  concurrency: null,
  weight: 1,
  backlog: null,
};

const count = (max: number) => z.int().min(1).max(max).nullable().default(null);

const members = {
  ratePerMinute: count(limits.ratePerMinuteMax),
  burst: count(limits.ratePerMinuteMax),
  concurrency: count(limits.concurrencyMax),
} as const;

function hasRate({ burst, ratePerMinute }: { burst: number | null; ratePerMinute: number | null }) {
  return burst === null || ratePerMinute !== null;
}

const burstNeedsRate = { path: ["burst"], message: "Needs a ratePerMinute beside it" };

/** Body of `PUT …/limits`: all of them; what is left out is no limit. */
export const limitsSchema = z.strictObject({
  ...members,
  weight: z.int().min(1).max(limits.weightMax).nullable().default(1),
}).refine(hasRate, burstNeedsRate);

/** The same of a tenant. */
export const tenantLimitsSchema = limitsSchema.safeExtend({ backlog: count(limits.backlogMax) });

/** `limits` of a handler. */
export const declaredLimitsSchema = z.strictObject(members).refine(hasRate, burstNeedsRate);

/** What a process has to know of a gate to stay out of its way. */
export interface Gate extends GateName, Limits {
  readonly isPaused: boolean;
  readonly isDraining: boolean;
  /** Milliseconds until what runs already may be counted; null: it has been. */
  readonly settlesInMs: number | null;
  /** Null: it has none, as far as anybody has stored. */
  readonly breaker: BreakerState | null;
  /** Milliseconds until an open breaker lets probes start; null: an operator will say. */
  readonly breakerOpensInMs: number | null;
}

/** Who holds a slot. */
export interface Holder {
  readonly id: string;
  readonly worker: string | null;
}

/** A gate as it stands. Instants are RFC 3339, of the database's clock. */
export interface GateState extends GateName, Limits {
  readonly pausedAt: string | null;
  readonly drainingAt: string | null;
  readonly settlesAt: string | null;
  /** Its limits are what a handler declares. */
  readonly isDeclared: boolean;
  /** How many hold slots, and the first of them whom the requester may see. */
  readonly running: number;
  readonly holders: readonly Holder[];
  /** When the rate lets the next one start; null: now. */
  readonly refillAt: string | null;
}

/** What of its counting a gate has stored. */
export interface Meter {
  readonly rate: number | null;
  readonly burst: number | null;
  readonly periodMs: number;
  readonly tokens: number | null;
  readonly filledAtMs: number | null;
  /** Hundredths of the period since 1970, ascending, and the starts in each. */
  readonly tickAt: readonly number[];
  readonly tickN: readonly number[];
}

/**
 * Milliseconds until a rate lets the next job start; 0: now. The arithmetic of claim_limited.sql, which
 * decides; this one tells.
 *
 * Without a burst of its own size the starts of a period are remembered, each by the hundredth of the
 * period that it was in, and counts until that is surely over: a sliding window, at most a hundredth late.
 */
export function refillMs(meter: Meter, nowMs: number): number {
  const { rate, periodMs } = meter;
  if (rate === null) return 0;
  const burst = meter.burst ?? rate;
  if (burst !== rate) {
    const passed = Math.max(0, nowMs - (meter.filledAtMs ?? nowMs));
    const tokens = Math.min(burst, (meter.tokens ?? burst) + rate * passed / periodMs);
    return tokens >= 1 ? 0 : Math.ceil((1 - tokens) * periodMs / rate);
  }
  const tickMs = periodMs / 100;
  const now = Math.floor(nowMs / tickMs);
  let left = rate;
  // From the newest: the start that fills the period is the one that has to go.
  for (let at = meter.tickAt.length - 1; at >= 0; at--) {
    const tick = meter.tickAt[at] ?? 0;
    if (tick < now - 100) break;
    left -= meter.tickN[at] ?? 0;
    if (left <= 0) return Math.max(1, Math.ceil((tick + 101) * tickMs - nowMs));
  }
  return 0;
}

/** The gates on the way of a lane, in the order in which people look at them. */
export function gatesOf({ tenantId, queue, type, limitKey }: OnTheWay): GateName[] {
  const ofKey: GateName[] = limitKey === null ? [] : [{ tenantId, kind: "key", name: limitKey }];
  return [
    { tenantId, kind: "tenant", name: "" },
    { tenantId, kind: "queue", name: queue },
    { tenantId, kind: "type", name: type },
    { tenantId: null, kind: "type", name: type },
    ...ofKey,
  ];
}

/** What has gates on its way: a job, or a lane. */
export interface OnTheWay {
  readonly tenantId: string;
  readonly queue: string;
  readonly type: string;
  readonly limitKey: string | null;
}

/** `queue "emails"`, as people read it. */
export function gateText({ tenantId, kind, name }: GateName): string {
  if (kind === "tenant") return `tenant "${tenantId}"`;
  return `${kind === "key" ? "limit key" : kind} "${name}"`;
}

/** The same at the beginning of a sentence. */
export function gateTitle(gate: GateName): string {
  const text = gateText(gate);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Names a gate among others. */
export function gateId({ tenantId, kind, name }: GateName): string {
  return `${kind}\n${name}\n${tenantId ?? "\n"}`;
}
