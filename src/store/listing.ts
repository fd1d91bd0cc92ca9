/** Pages: of jobs, of tenants. Each reads a bounded number of rows. */
import { eventCode, stateCode } from "../core/codes.ts";
import { INITIAL_STATE, isTerminal, targetOf } from "../core/lifecycle.ts";
import type { Job, Transition } from "../core/job.ts";
import type { Tenant } from "../core/listing.ts";
import type { Term } from "../core/term.ts";
import type { JobState } from "../../machines/job.ts";
import * as sql from "../../sql/mod.ts";
import type { Database, Parameter } from "./database.ts";
import { column, quoted } from "./literal.ts";
import { toId, toJob, toTenant, toTransition } from "./rows.ts";
import type { JobFilter } from "./store.ts";

const LEAST_ID = "00000000-0000-0000-0000-000000000000";
const GREATEST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** `JobStore.list`. */
export async function listJobs(
  db: Database,
  filter: JobFilter,
  before: string | null,
  limit: number,
): Promise<Job[]> {
  const { tenantId, states, type, queue, terms = [], from = null, fingerprint = null } = filter;
  const { createdFrom = null, createdBefore = null } = filter;
  const rows = await db.query(sql.list, [
    tenantId,
    before ?? GREATEST_ID,
    from ?? LEAST_ID,
    homesOf(states),
    states === null ? null : column(states, stateCode),
    type,
    queue,
    limit,
    ...termColumns(terms),
    fingerprint,
    createdFrom === null ? null : createdFrom / 1_000,
    createdBefore === null ? null : createdBefore / 1_000,
  ]);
  return rows.map(toJob);
}

/** `JobStore.listEdge`. */
export async function listEdge(
  db: Database,
  { tenantId, states }: JobFilter,
  before: string | null,
  rows: number,
): Promise<string | null> {
  const parameters = [tenantId, before ?? GREATEST_ID, rows, ...areHomes(states)];
  const [row] = await db.query(sql.listEdge, parameters);
  return row ? toId(row) : null;
}

/** `JobStore.nthNewest`. */
export async function nthNewest(db: Database, tenantId: string, n: number): Promise<string | null> {
  const [row] = await db.query(sql.listSkip, [tenantId, n]);
  return row ? toId(row) : null;
}

/** `JobStore.keyHolder`. */
export async function keyHolder(
  db: Database,
  tenantId: string,
  key: string,
): Promise<string | null> {
  const parameters = [`{${quoted(tenantId)}}`, `{${quoted(key)}}`];
  const [row] = await db.query(sql.keyHolders, parameters);
  return row ? toId(row) : null;
}

/** `JobStore.history`. */
export async function listHistory(
  db: Database,
  job: Job,
  afterVersion: number,
  limit: number,
): Promise<Transition[]> {
  const rows = await db.query(sql.history, [
    job.tenantId,
    job.id,
    job.createdAt,
    afterVersion,
    limit,
    eventCode("ENQUEUE"),
    stateCode(INITIAL_STATE),
    eventCode("CLAIM"),
    stateCode(targetOf("CLAIM")),
    eventCode("SUCCEED"),
  ]);
  return rows.map(toTransition);
}

/** `JobStore.tenants`. */
export async function listTenants(db: Database, after: string, limit: number): Promise<Tenant[]> {
  return (await db.query(sql.tenants, [after, limit])).map(toTenant);
}

/** The homes of any_job where jobs of these states may be, as an array literal. */
export function homesOf(states: readonly JobState[] | null): string {
  return column(areHomes(states).flatMap((is, home) => is ? [home] : []), (home) => home);
}

/** Terms of a search as list.sql takes them. */
export function termColumns(terms: readonly Term<string>[]): Parameter[] {
  return [
    column(terms, (term) => term.field),
    column(terms, (term) => quoted(column(term.path, quoted))),
    column(terms, (term) => term.comparison),
    column(terms, (term) => quoted(term.text)),
    column(terms, (term) => term.number),
    column(terms, (term) => term.isNegated),
  ];
}

/** Live, archive, dead letters: where jobs of these states may be. */
function areHomes(states: readonly JobState[] | null): boolean[] {
  if (states === null) return [true, true, true];
  const ended = states.filter(isTerminal);
  const dead = ended.filter((state) => state === "dead_letter").length;
  return [ended.length < states.length, ended.length > dead, dead > 0];
}
