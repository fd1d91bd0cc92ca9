/** Flows on PostgreSQL: of jobs from rows per minute, of actors from the steps of the last minutes. */
import * as sql from "../../sql/mod.ts";
import { stateCode, stateOf } from "../core/codes.ts";
import type { JobState } from "../../machines/job.ts";
import { statesAccepting } from "../core/lifecycle.ts";
import type { Database, Row } from "./database.ts";
import type { Bucket, Dwell, Flow, Move } from "../core/flow.ts";
import { column, quoted } from "./literal.ts";
import { shape } from "./rows.ts";
import type { FlowStore } from "./ui_records.ts";

/** About as many steps as can be looked at in a few hundred milliseconds. */
const STEPS_MAX = 50_000;
const ENDED_MAX = 1_000;
/** With fewer, the longest is no measure. */
const DWELLS_MIN = 20;
const MINUTE_MS = 60_000;
const BUCKETS = 60;
const FAILED: ReadonlySet<string> = new Set<JobState>(["retry", "dead_letter"]);

const waiting = `{${statesAccepting("CLAIM").map(stateCode).join(",")}}`;

interface JobMove {
  readonly f: number;
  readonly t: number;
  readonly at: number;
  readonly n: number;
}

interface StepGroup {
  /** Bits of `grouping`: which of state, event and bucket it is not grouped by. */
  readonly kind: number;
  readonly f: string | null;
  readonly e: string | null;
  readonly t: string | null;
  readonly at: number | null;
  readonly n: number;
  readonly failed: number;
  readonly dwells: number;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly looked: number;
  readonly covered: number | null;
}

interface Waits {
  readonly n: number;
  readonly w50: number | null;
  readonly w99: number | null;
  readonly r50: number | null;
  readonly r99: number | null;
}

/** The side of the store that flows are read from. */
export class PostgresFlows implements FlowStore {
  readonly #db: Pick<Database, "query">;

  constructor(db: Pick<Database, "query">) {
    this.#db = db;
  }

  async flowOfJobs(tenantId: string | null, windowMs: number): Promise<Flow> {
    const bucketMs = Math.max(MINUTE_MS, bucketOf(windowMs));
    const rows = await this.#db.query(sql.flowJobs, [tenantId, windowMs, bucketMs / 1_000]);
    const moves = rows.map((row) => shape<JobMove>(row));
    const [row] = await this.#db.query(sql.jobWaits, [tenantId, ENDED_MAX]);
    const waits = row ? shape<Waits>(row) : null;
    const known = waits && waits.n >= DWELLS_MIN ? waits : null;
    const stuck = await this.#db.query(sql.stuckJobs, [
      tenantId,
      waiting,
      known?.w99 ?? null,
      known?.r99 ?? null,
    ]);
    return {
      ...{ windowMs, coveredMs: windowMs, bucketMs },
      moves: jobMoves(moves),
      dwells: known ? [dwell("pending", known, "w"), dwell("running", known, "r")] : [],
      stuck: stuck.map((each) => shape<{ s: number; n: number }>(each)).filter(({ n }) => n > 0)
        .map(({ s, n }) => ({ state: stateOf(s), count: n })),
      buckets: jobBuckets(moves),
      oldestMs: oldestOf(stuck),
    };
  }

  async flowOfActors(tenantId: string | null, machine: string, windowMs: number): Promise<Flow> {
    const bucketMs = bucketOf(windowMs);
    const rows = await this.#db.query(sql.flowActors, [
      ...[tenantId, machine, windowMs, STEPS_MAX],
      bucketMs / 1_000,
    ]);
    const groups = rows.map((row) => shape<StepGroup>(row));
    const dwells = groups.filter(({ kind, dwells, f }) =>
      kind === 3 && f !== null && dwells >= DWELLS_MIN
    ).map(({ f, dwells, p50, p99 }): Dwell => ({
      ...{ state: f ?? "", count: dwells, p50Ms: p50 ?? 0, p99Ms: p99 ?? 0 },
    }));
    const [first] = groups;
    const isAll = (first?.looked ?? 0) < STEPS_MAX;
    return {
      ...{ windowMs, coveredMs: isAll ? windowMs : first?.covered ?? windowMs, bucketMs },
      moves: groups.filter(({ kind }) => kind === 1).map((each): Move => ({
        ...{ from: each.f, event: each.e, to: each.t ?? "", count: each.n, failed: each.failed },
      })),
      dwells,
      stuck: await this.#stuckActors(tenantId, machine, dwells),
      buckets: groups.filter(({ kind }) => kind === 6).map(({ at, n, failed }): Bucket => ({
        ...{ at: new Date(at ?? 0).toISOString(), count: n, failed },
      })).sort((a, b) => a.at.localeCompare(b.at)),
      oldestMs: null,
    };
  }

  async #stuckActors(tenantId: string | null, machine: string, dwells: readonly Dwell[]) {
    if (dwells.length === 0) return [];
    const rows = await this.#db.query(sql.stuckActors, [
      tenantId,
      machine,
      column(dwells, ({ state }) => quoted(state)),
      column(dwells, ({ p99Ms }) => p99Ms),
    ]);
    return rows.map((row) => shape<{ s: string; n: number }>(row))
      .map(({ s, n }) => ({ state: s, count: n }));
  }
}

/** Whole seconds, so that sixty of them make the window. */
function bucketOf(windowMs: number): number {
  return Math.max(1_000, Math.ceil(windowMs / BUCKETS / 1_000) * 1_000);
}

function dwell(state: JobState, waits: Waits, which: "w" | "r"): Dwell {
  const [p50, p99] = which === "w" ? [waits.w50, waits.w99] : [waits.r50, waits.r99];
  return { state, count: waits.n, p50Ms: Math.max(0, p50 ?? 0), p99Ms: Math.max(0, p99 ?? 0) };
}

function jobMoves(rows: readonly JobMove[]): Move[] {
  const ways = Map.groupBy(rows, ({ f, t }) => `${f} ${t}`);
  return [...ways.values()].flatMap((same): Move[] => {
    const [first] = same;
    if (!first) return [];
    const to = stateOf(first.t);
    const count = same.reduce((sum, { n }) => sum + n, 0);
    const from = first.f < 0 ? null : stateOf(first.f);
    return [{ ...{ from, event: null, to, count }, failed: FAILED.has(to) ? count : 0 }];
  });
}

/** What ended, or failed, per bucket. */
function jobBuckets(rows: readonly JobMove[]): Bucket[] {
  const left = rows.filter(({ f }) => f >= 0 && stateOf(f) === "running");
  return [...Map.groupBy(left, ({ at }) => at)].map(([at, same]): Bucket => ({
    at: new Date(at).toISOString(),
    count: same.reduce((sum, { n }) => sum + n, 0),
    failed: same.filter(({ t }) => FAILED.has(stateOf(t))).reduce((sum, { n }) => sum + n, 0),
  }));
}

function oldestOf(rows: readonly Row[]): number | null {
  const ages = rows.map((row) => shape<{ oldest: number | null }>(row).oldest)
    .filter((each) => each !== null);
  return ages.length === 0 ? null : Math.max(...ages);
}
