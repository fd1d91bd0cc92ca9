/** Rows of gates in, records out. */
import { type Gate, GATE_KINDS, type GateName, type GateState, refillMs } from "../core/gate.ts";
import type { BreakerState } from "../../machines/breaker.ts";
import type { Row } from "./database.ts";
import { shape } from "./rows.ts";
import type { Closed } from "./store.ts";

/** Tenant of what is of all tenants together. No tenant can have this name. */
export const ALL_TENANTS = "*";

interface Named {
  readonly t: string;
  readonly k: number;
  readonly name: string;
  readonly rate: number | null;
  readonly burst: number | null;
  readonly concurrency: number | null;
  readonly weight: number | null;
  readonly backlog: number | null;
  readonly paused_at: Date | null;
  readonly draining_at: Date | null;
}

/** gates.sql */
export function toGate(row: Row): Gate {
  const r = shape<
    Named & {
      settles_in_ms: number | null;
      breaker: BreakerState | null;
      breaker_ms: number | null;
    }
  >(row);
  return {
    ...toLimits(r),
    isPaused: r.paused_at !== null,
    isDraining: r.draining_at !== null,
    settlesInMs: r.settles_in_ms,
    breaker: r.breaker,
    breakerOpensInMs: r.breaker_ms,
  };
}

/** gate_states.sql */
export function toGateState(row: Row, tenantRate: number | null): GateState {
  const stored = shape<
    Named & {
      settles_at: Date | null;
      is_declared: boolean;
      period_ms: number;
      tokens: number | null;
      filled_at: Date | null;
      tick_at: string;
      tick_n: string;
      at: Date;
      running: number;
      holders: GateState["holders"];
    }
  >(row);
  const otherwise = GATE_KINDS[stored.k] === "tenant" ? tenantRate : null;
  const r = { ...stored, rate: stored.rate ?? otherwise };
  const now = r.at.getTime();
  const wait = refillMs({
    rate: r.rate,
    burst: r.burst,
    periodMs: r.period_ms,
    tokens: r.tokens,
    filledAtMs: r.filled_at?.getTime() ?? null,
    tickAt: numbersOf(r.tick_at),
    tickN: numbersOf(r.tick_n),
  }, now);
  return {
    ...toLimits(r),
    pausedAt: r.paused_at?.toISOString() ?? null,
    drainingAt: r.draining_at?.toISOString() ?? null,
    settlesAt: r.settles_at?.toISOString() ?? null,
    isDeclared: r.is_declared,
    running: r.running,
    holders: r.holders,
    refillAt: wait > 0 ? new Date(now + wait).toISOString() : null,
  };
}

/** The report of claim_limited.sql, which is in the one row that has it. */
export function toReport(rows: readonly Row[]): {
  closed: readonly Closed[];
  cut: readonly number[];
  holdsSlots: boolean;
} {
  const row = rows.find(({ report }) => report !== null);
  if (!row) throw new Error("A claim gave no report");
  const { report } = shape<{
    report: {
      closed: readonly (Omit<Closed, "tenantId" | "kind"> & { tenantId: string; kind: number })[];
      cut: readonly number[];
      holdsSlots: boolean;
    };
  }>(row);
  const closed = report.closed.map(({ tenantId, kind, name, why, ms }) => ({
    ...gateNameOf(tenantId, kind, name),
    why,
    ms,
  }));
  return { ...report, closed };
}

function toLimits(r: Named) {
  return {
    ...gateNameOf(r.t, r.k, r.name),
    ratePerMinute: r.rate,
    burst: r.burst,
    concurrency: r.concurrency,
    weight: r.weight ?? 1,
    backlog: r.backlog,
  };
}

/** A gate as the parameters of SQL. */
export function gateKey({ tenantId, kind, name }: GateName) {
  return [tenantId ?? ALL_TENANTS, GATE_KINDS.indexOf(kind), name] as const;
}

/** A gate as it is stored. */
export function gateNameOf(tenantId: string, code: number, name: string): GateName {
  const kind = GATE_KINDS[code];
  if (!kind) throw new Error(`Unknown kind of gate: ${code}`);
  return { tenantId: tenantId === ALL_TENANTS ? null : tenantId, kind, name };
}

/** Without types fetched, arrays come as their text. */
function numbersOf(text: string): number[] {
  const inside = text.slice(1, -1);
  return inside === "" ? [] : inside.split(",").map(Number);
}
