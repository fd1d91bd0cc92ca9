/**
 * Retention on PostgreSQL: what is older, or more, than it is to be kept.
 *
 * Whole days go with their partition. The rest is looked at in the order of the names, so many rows in a
 * sweep; where this process has come to is a hint of its own.
 */
import { stateCode, stateOf } from "../core/codes.ts";
import { allInTurn } from "../core/in_turn.ts";
import { isTerminal } from "../core/lifecycle.ts";
import {
  RETENTION_SUBJECTS,
  type RetentionPolicy,
  type RetentionSubject,
} from "../core/retention.ts";
import { JOB_STATES } from "../../machines/job.ts";
import * as sql from "../../sql/mod.ts";
import type { Database, Row } from "./database.ts";
import { runDdl } from "./maintenance.ts";
import { column } from "./literal.ts";
import type { Chosen, RetentionStore } from "./operation_records.ts";
import { removeParameters } from "./operations.ts";
import { Retirement } from "./retirement.ts";
import { field, shape, toJobName } from "./rows.ts";

const ALL = "*";
const HISTORY = -1;
const ACTOR = -2;
const OPERATION = -3;
/** Of what is no job. */
const CODES = { history: HISTORY, actor: ACTOR, operation: OPERATION } as const;
const LOOK_ROWS = 5_000;
const LOOKS = 4;
const REMOVE_ROWS = 1_000;
/** Before a day of the archive goes: a second's work, or some where a day has many keys (decision 126). */
const KEYS_AT_ONCE = 20_000;
const LEAST = { tenantId: "", id: "00000000-0000-0000-0000-000000000000" };
/** What the archive holds, and is dropped with a day of it. */
const archived = JOB_STATES.filter((state) => isTerminal(state) && state !== "dead_letter");

/** A job that is not to be kept. */
interface Doomed extends Chosen {
  readonly isSummarised: boolean;
}

/** The policies of a database, and whoever carries them out. */
export class PostgresRetention implements RetentionStore {
  readonly #db: Database;
  readonly #actors: Retirement;
  readonly #operations: Retirement;
  #place = LEAST;

  constructor(db: Database) {
    this.#db = db;
    this.#actors = new Retirement(db, "actors", ACTOR);
    this.#operations = new Retirement(db, "operations", OPERATION);
  }

  async list(tenantId: string | null): Promise<RetentionPolicy[]> {
    return (await this.#db.query(sql.retentionList, [tenantId])).map(toPolicy);
  }

  async set(policy: RetentionPolicy): Promise<void> {
    const { maxAgeMs, maxCount, keepSummary, isDeclared } = policy;
    const values = [maxAgeMs, maxCount, keepSummary, isDeclared];
    await this.#db.query(sql.retentionSet, [...nameOf(policy), ...values]);
  }

  async drop(
    policy: Pick<RetentionPolicy, "tenantId" | "type" | "state">,
    onlyDeclared: boolean,
  ): Promise<boolean> {
    const rows = await this.#db.query(sql.retentionDrop, [...nameOf(policy), onlyDeclared]);
    return rows.length > 0;
  }

  async enforce(): Promise<number> {
    const policies = await this.list(null);
    const has = (kind: string) => policies.some(({ state }) => state === kind);
    let removed = 0;
    await allInTurn(
      () => has("actor") ? this.#actors.enforce() : undefined,
      () => has("operation") ? this.#operations.enforce() : undefined,
      async () => removed = await this.#retireJobs(policies),
    );
    return removed;
  }

  async #retireJobs(policies: readonly RetentionPolicy[]): Promise<number> {
    if (policies.every(({ state }) => state === "actor" || state === "operation")) return 0;
    // Whole days first: what goes with them need not be looked at.
    if (this.#place === LEAST) await this.#dropDays();
    let removed = 0;
    for (let look = 0; look < LOOKS; look++) {
      const rows = await this.#db.query(sql.retireLook, [
        this.#place.tenantId,
        this.#place.id,
        LOOK_ROWS,
      ]);
      removed += await this.#remove(rows.filter(isJob).map(toDoomed));
      const end = rows.find((row) => !isJob(row));
      const isOver = !end || field<number>(end, "looked") < LOOK_ROWS;
      this.#place = isOver ? LEAST : toJobName(end);
      if (isOver) return removed + await this.#trim();
    }
    return removed;
  }

  async #dropDays(): Promise<void> {
    const parameters = [column(archived, stateCode), HISTORY, KEYS_AT_ONCE];
    const over = await this.#db.query(sql.partitionsOver, parameters);
    for (const row of over) await runDdl(this.#db, field<string>(row, "ddl"));
  }

  /** All have been looked at once: what is beyond its number. */
  async #trim(): Promise<number> {
    const rows = await this.#db.query(sql.retireCount, [REMOVE_ROWS, LOOK_ROWS]);
    return await this.#remove(rows.map(toDoomed));
  }

  async #remove(doomed: readonly Doomed[]): Promise<number> {
    let removed = 0;
    for (const isSummarised of [false, true]) {
      const jobs = doomed.filter((job) => job.isSummarised === isSummarised).sort(inIdOrder);
      for (let at = 0; at < jobs.length; at += REMOVE_ROWS) {
        const part = removeParameters(jobs.slice(at, at + REMOVE_ROWS), isSummarised);
        removed += (await this.#db.query(sql.remove, part)).length;
      }
    }
    return removed;
  }
}

function nameOf({ tenantId, type, state }: Pick<RetentionPolicy, "tenantId" | "type" | "state">) {
  return [tenantId ?? ALL, type ?? ALL, isOfJobs(state) ? stateCode(state) : CODES[state]];
}

function isOfJobs(state: RetentionSubject): state is Exclude<RetentionSubject, keyof typeof CODES> {
  return !(state in CODES);
}

function isJob(row: Row): boolean {
  return row.v !== null;
}

/** retire_look.sql and retire_count.sql */
function toDoomed(row: Row): Doomed {
  const r = shape<{ v: number; s: number; keeps_summary: boolean }>(row);
  const { v: version, s, keeps_summary: isSummarised } = r;
  return { ...toJobName(row), version, state: stateOf(s), isSummarised };
}

/** retention_list.sql */
export function toPolicy(row: Row): RetentionPolicy {
  const r = shape<{
    t: string;
    type: string;
    s: number;
    max_age_ms: string | null;
    max_count: number | null;
    keeps_summary: boolean;
    is_declared: boolean;
  }>(row);
  return {
    tenantId: r.t === ALL ? null : r.t,
    type: r.type === ALL ? null : r.type,
    state: subjectOf(r.s),
    maxAgeMs: r.max_age_ms === null ? null : Number(r.max_age_ms),
    maxCount: r.max_count,
    keepSummary: r.keeps_summary,
    isDeclared: r.is_declared,
  };
}

function subjectOf(code: number): RetentionSubject {
  const subject = RETENTION_SUBJECTS.find((each) =>
    isOfJobs(each) ? code === stateCode(each) : code === CODES[each]
  );
  if (!subject) throw new RangeError(`No policy can be about ${code}`);
  return subject;
}

/** One order of locks for every batch. */
function inIdOrder(a: Doomed, b: Doomed): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
