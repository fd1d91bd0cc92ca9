/** Gates on PostgreSQL. */
import { type Gate, GATE_KINDS, type GateName, type GateState, type Limits } from "../core/gate.ts";
import { UNAWARE_MS } from "../core/limits.ts";
import * as sql from "../../sql/mod.ts";
import { toClaimed } from "./claimed.ts";
import { claimParameters, levelsOf } from "./claiming.ts";
import type { Database, Statement } from "./database.ts";
import { column, quoted, quotedOrNull } from "./literal.ts";
import { field } from "./rows.ts";
import { ALL_TENANTS, gateKey, toGate, toGateState, toReport } from "./gate_rows.ts";
import { requester } from "./request.ts";
import type { DeclaredLimits, GateList, GateStore, LimitedClaim, LimitedRequest } from "./store.ts";

/** The gate side of the store. */
export class PostgresGates implements GateStore {
  readonly #db: Database;
  readonly #requests: Database;
  #changes = 0;

  constructor(db: Database, requests: Database) {
    this.#db = db;
    this.#requests = requests;
  }

  get changes(): number {
    return this.#changes;
  }

  async read(known: string | null): Promise<GateList | null> {
    const rows = await this.#db.query(sql.gates, [known]);
    const change = field<string>(rows[0], "change");
    if (change === known) return null;
    return { change, gates: rows.filter((row) => row.t !== null).map(toGate) };
  }

  async claim(request: LimitedRequest): Promise<LimitedClaim> {
    const { text, parameters } = limitedStatement(request);
    const rows = await this.#db.query(text, parameters);
    const report = toReport(rows);
    const jobs = toClaimed(rows, request.leaseId, report.holdsSlots);
    return { jobs, closed: report.closed, cut: report.cut };
  }

  async setLimits(gate: GateName, limits: Limits): Promise<void> {
    const { ratePerMinute, burst, concurrency, weight, backlog } = limits;
    const set = [ratePerMinute, burst, concurrency, weight === 1 ? null : weight, backlog];
    await this.#requests.query(sql.setLimits, [...gateKey(gate), ...set, UNAWARE_MS]);
    this.#changes++;
  }

  async declare(declared: readonly DeclaredLimits[]): Promise<boolean> {
    const [row] = await this.#db.query(sql.declareLimits, [
      ALL_TENANTS,
      GATE_KINDS.indexOf("type"),
      column(declared, ({ type }) => quoted(type)),
      column(declared, ({ limits }) => limits?.ratePerMinute ?? null),
      column(declared, ({ limits }) => limits?.burst ?? null),
      column(declared, ({ limits }) => limits?.concurrency ?? null),
      UNAWARE_MS,
    ]);
    return field<number>(row, "n") > 0;
  }

  async setPause(gate: GateName, isPaused: boolean, isDraining: boolean): Promise<void> {
    await this.#requests.query(sql.setPause, [...gateKey(gate), isPaused, isDraining]);
    this.#changes++;
  }

  async open(tenants: readonly string[]): Promise<void> {
    await this.#db.query(sql.openGates, [GATE_KINDS.indexOf("tenant"), column(tenants, quoted)]);
  }

  async settle(): Promise<number> {
    const [row] = await this.#db.query(sql.settleGates);
    return field<number>(row, "n");
  }

  async states(
    names: readonly GateName[],
    holders: number,
    tenantRate: number | null = null,
  ): Promise<GateState[]> {
    const states = await look(this.#requests, names, holders, tenantRate);
    return requester() === null ? states : await this.#countOfAll(states);
  }

  /**
   * The wall hides most of who holds slots of all tenants: how many do is counted outside of it, where nobody
   * is named.
   */
  async #countOfAll(states: readonly GateState[]): Promise<GateState[]> {
    const ofAll = states.filter(({ tenantId, concurrency }) =>
      tenantId === null && concurrency !== null
    );
    if (ofAll.length === 0) return [...states];
    const counted = await look(this.#db, ofAll, 0, null);
    const running = new Map(counted.map((state) => [gateKey(state).join(), state.running]));
    return states.map((state) => ({
      ...state,
      running: running.get(gateKey(state).join()) ?? state.running,
    }));
  }

  async names(tenantId: string, kind: Gate["kind"]): Promise<string[]> {
    const rows = await this.#requests.query(sql.gateNames, [tenantId, GATE_KINDS.indexOf(kind)]);
    return rows.map((row) => field<string>(row, "name"));
  }
}

/** Gates as they stand for whom `db` is. */
async function look(
  db: Database,
  names: readonly GateName[],
  holders: number,
  tenantRate: number | null,
): Promise<GateState[]> {
  const rows = await db.query(sql.gateStates, [
    column(names, ({ tenantId }) => quoted(tenantId ?? ALL_TENANTS)),
    column(names, ({ kind }) => GATE_KINDS.indexOf(kind)),
    column(names, ({ name }) => quoted(name)),
    holders,
  ]);
  return rows.map((row) => toGateState(row, tenantRate));
}

/** The claim past gates. */
export function limitedStatement(request: LimitedRequest): Statement {
  const levels = levelsOf(request);
  const parameters = [
    ...claimParameters(request, levels),
    column(levels, (level) => quoted(level.lane.queue)),
    column(levels, (level) => quoted(level.lane.type)),
    request.tenantRate,
    request.only?.id ?? null,
    request.only?.version ?? null,
    column(levels, (level) => quotedOrNull(level.lane.limitKey)),
    column(levels, (level) => level.lane.isOrdered),
  ];
  return { text: sql.claimLimited, parameters };
}
