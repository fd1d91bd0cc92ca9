/** Circuit breakers on PostgreSQL. */
import type { BreakerState } from "../../machines/breaker.ts";
import type { Breaker, BreakerPosition, BreakerStep } from "../core/breaker.ts";
import { GATE_KINDS, type GateName } from "../core/gate.ts";
import * as sql from "../../sql/mod.ts";
import type { Database, Row } from "./database.ts";
import { ALL_TENANTS, gateKey, gateNameOf } from "./gate_rows.ts";
import { column, quoted } from "./literal.ts";
import type { BreakerChange, BreakerStore } from "./gating.ts";
import { shape } from "./rows.ts";

/** `BreakerStore`. */
export class PostgresBreakers implements BreakerStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async read(gates: readonly GateName[]): Promise<Breaker[]> {
    const rows = await this.#db.query(sql.readBreakers, [
      column(gates, ({ tenantId }) => quoted(tenantId ?? ALL_TENANTS)),
      column(gates, ({ kind }) => GATE_KINDS.indexOf(kind)),
      column(gates, ({ name }) => quoted(name)),
      null,
    ]);
    return rows.map(toBreaker);
  }

  async list(tenantId: string): Promise<Breaker[]> {
    return (await this.#db.query(sql.readBreakers, [null, null, null, tenantId])).map(toBreaker);
  }

  async save({ gate, before, after, transitions, cause }: BreakerChange): Promise<boolean> {
    const { settings, openUntil } = after.context;
    const now = before?.nowMs ?? 0;
    const rows = await this.#db.query(sql.saveBreaker, [
      ...gateKey(gate),
      before?.version ?? 0,
      after.state,
      openUntil === null ? null : Math.max(0, openUntil - now),
      settings.probes,
      JSON.stringify(settings),
      JSON.stringify(after),
      column(transitions, ({ event }) => event),
      column(transitions, ({ from }) => from),
      column(transitions, ({ to }) => to),
      cause,
    ]);
    return rows.length > 0;
  }

  async steps(gate: GateName, after: number, limit: number): Promise<BreakerStep[]> {
    const rows = await this.#db.query(sql.breakerSteps, [...gateKey(gate), after, limit]);
    return rows.map((row) => {
      const r = shape<
        { v: number; event: string; f: string | null; s: string; at: Date; cause: string | null }
      >(row);
      const { v: version, event, f: from, s: to, cause } = r;
      return { version, event, from, to, at: r.at.toISOString(), cause };
    });
  }
}

function toBreaker(row: Row): Breaker {
  const r = shape<{
    t: string;
    k: number;
    name: string;
    v: number;
    s: BreakerState;
    snapshot: BreakerPosition;
    changed_at: Date;
    now_ms: number;
  }>(row);
  return {
    gate: gateNameOf(r.t, r.k, r.name),
    version: r.v,
    state: r.s,
    context: r.snapshot.context,
    changedAt: r.changed_at.toISOString(),
    nowMs: r.now_ms,
  };
}
