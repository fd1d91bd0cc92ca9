/** Actors on PostgreSQL: the calls of `ActorStore` as single statements. */
import { LeaseLostError } from "../core/errors.ts";
import { START_ACTOR } from "../core/inbox.ts";
import { DEFAULT_TENANT } from "../core/job.ts";
import * as sql from "../../sql/mod.ts";
import { toActorLine, toActorRow, toActorView, toFateOfMail, toPastStep } from "./actor_rows.ts";
import type {
  ActorFilter,
  ActorLine,
  ActorName,
  ActorRow,
  ActorView,
  Committed,
  MailFate,
  OutsideMail,
  PastStep,
  Relay,
  Relayed,
  Start,
  Turn,
  TurnClaim,
  TurnRequest,
} from "./actor_records.ts";
import type { ActorStore } from "./actor_store.ts";
import { relayedOf, relayParameters, relayText } from "./actor_relays.ts";
import { readSeats } from "./actor_seats.ts";
import { commitText, turnParameters } from "./actor_turns.ts";
import { toStarted } from "./claimed.ts";
import type { Database, Row } from "./database.ts";
import type { Enqueue } from "./enqueue.ts";
import { RefusedError } from "./failures.ts";
import { termColumns } from "./listing.ts";
import { column, quoted, quotedJson, quotedOrNull, sparseColumn } from "./literal.ts";
import type { ClaimedJob, SendStatement, TransactionSql } from "./records.ts";
import { field } from "./rows.ts";
import type { ActorSeats, Awaited } from "./seat_records.ts";
import type { Transactions } from "./transaction.ts";

/** Mail of other machines that a look ahead passes over. */
const LOOK_AHEAD = 1_000;
/** Steps in which a mail is looked for. */
const FATE_STEPS = 10_000;
const RUNS = "active";
const ENDED = "{done,error,cancelled,terminated}";
const BLOCKED = "blocked";
/** Machines of Perdura's own, as a pattern. */
const OURS = "perdura.%";

/** The actors of a database. */
export class PostgresActors implements ActorStore, ActorSeats {
  readonly #db: Database;
  readonly #requests: Database;
  readonly #transactions: Transactions;
  readonly #enqueue: Pick<Enqueue, "addTenants">;

  constructor(
    db: Database,
    requests: Database,
    transactions: Transactions,
    enqueue: Pick<Enqueue, "addTenants">,
  ) {
    this.#db = db;
    this.#requests = requests;
    this.#transactions = transactions;
    this.#enqueue = enqueue;
  }

  async claim(request: TurnRequest): Promise<TurnClaim> {
    const rows = await this.#db.query(sql.actorClaim, [
      request.turnId,
      request.worker,
      request.spareMs,
      column(request.machines, quoted),
      request.actors,
      request.mailPerActor,
      request.look,
      column(request.charts, quoted),
      request.from,
    ]);
    const named = rows.filter((row) => row.i !== null);
    return {
      looked: field<number>(rows[0], "looked"),
      oldest: field<number>(rows[0], "oldest"),
      tookMs: field<number>(rows[0], "took_ms"),
      actors: named.filter((row) => row.v !== null).map(toActorView),
      nobody: named.filter((row) => row.v === null).map(toName),
    };
  }

  async read(
    tenantId: string | null,
    id: string,
    mail: number,
    key: string | null,
  ): Promise<ActorView | null> {
    const row = await this.#find(tenantId, id, sql.actorRead, [mail, key]);
    return row ? toActorView(row) : null;
  }

  seats(awaited: readonly Awaited[]): Promise<ReadonlyMap<string, ActorView>> {
    return readSeats(this.#db, awaited);
  }

  async commit(
    worker: string,
    turnId: string | null,
    turns: readonly Turn[],
    start: Start | null = null,
  ): Promise<Committed> {
    const ordered = [...turns].sort(inNameOrder);
    await this.#enqueue.addTenants(ordered.filter(({ birth }) => birth !== null));
    try {
      const parameters = turnParameters(worker, turnId, ordered, start);
      const rows = await this.#requests.query(commitText(ordered), parameters);
      const done = rows.flatMap((row) => ordered[field<number>(row, "k") - 1] ?? []);
      const at = rows[0] ? field<Date>(rows[0], "c") : null;
      return { done, at, started: startedOf(start, done, rows[0]), refused: [] };
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      return await this.#halve(worker, ordered, error);
    }
  }

  async relay(
    lease: Omit<Start, "jobs">,
    relays: readonly Relay[],
  ): Promise<readonly Relayed[]> {
    const [first, ...others] = [...relays].sort((a, b) => inNameOrder(a.turn, b.turn));
    if (!first) return [];
    const ordered = [first, ...others] as const;
    const [row] = await this.#db.query(
      relayText(ordered),
      relayParameters(lease, [...ordered]),
    );
    return relayedOf(ordered, lease.leaseId, row);
  }

  /** Bisects a refused batch down to the turn that PostgreSQL will not take; no job starts at once. */
  async #halve(worker: string, turns: readonly Turn[], error: RefusedError): Promise<Committed> {
    const [turn, ...others] = turns;
    if (!turn) throw error;
    if (others.length === 0) {
      return {
        ...{ done: [], at: null, started: [] },
        refused: [{ turn, message: `${error.sqlState}: ${error.message}` }],
      };
    }
    const middle = turns.length >> 1;
    const first = await this.commit(worker, null, turns.slice(0, middle));
    const second = await this.commit(worker, null, turns.slice(middle));
    return {
      done: [...first.done, ...second.done],
      ...{ at: null, started: [] },
      refused: [...first.refused, ...second.refused],
    };
  }

  async transact(
    worker: string,
    tenantId: string,
    write: (sql: TransactionSql) => Promise<void>,
    seal: (send: SendStatement) => Promise<Turn>,
    capMs?: number,
  ): Promise<void> {
    await this.#transactions.run(tenantId, write, async (send) => {
      const turn = await seal(send);
      const rows = await send(commitText([turn]), turnParameters(worker, null, [turn]));
      if (rows.length === 0) throw new LeaseLostError(turn.id, turn.expected ?? 0);
      // The author's writes are through by then: where the end takes long, somebody else is in its way. A birth with
      // a limit of its own is told that it was too much.
    }, { capMs, isBrief: capMs === undefined });
  }

  async addTenant(tenantId: string): Promise<void> {
    await this.#enqueue.addTenants([{ tenantId }]);
  }

  async send(mail: readonly OutsideMail[]): Promise<ReadonlySet<string>> {
    const rows = await this.#requests.query(sql.actorSend, [
      column(mail, (m) => quoted(m.tenantId)),
      column(mail, (m) => quoted(m.id)),
      column(mail, (m) => m.mailId),
      column(mail, (m) => quotedJson(JSON.stringify(m.body))),
      sparseColumn(mail, (m) => quotedOrNull(m.key)),
      column(mail, (m) => m.kind),
    ]);
    return new Set(rows.map((row) => field<string>(row, "id")));
  }

  async mailOfKey({ tenantId, id }: ActorName, key: string): Promise<string | null> {
    const [row] = await this.#requests.query(sql.actorKeys, [tenantId, id, key]);
    return row ? field<string>(row, "id") : null;
  }

  async fate(
    { tenantId, id }: ActorName,
    mailId: string,
    afterVersion: number,
  ): Promise<MailFate | null> {
    const parameters = [tenantId, id, mailId, afterVersion, FATE_STEPS];
    const [row] = await this.#requests.query(sql.actorMail, parameters);
    return row ? toFateOfMail(row) : null;
  }

  async park(names: readonly ActorName[]): Promise<void> {
    await this.#db.query(sql.actorPark, [...nameColumns(names), RUNS, ENDED]);
  }

  async drop(names: readonly ActorName[]): Promise<number> {
    return (await this.#db.query(sql.actorDrop, [...nameColumns(names), START_ACTOR])).length;
  }

  async nextDue(
    { machines, charts, from }: Pick<TurnRequest, "machines" | "charts" | "from">,
  ): Promise<number | null> {
    const [row] = await this.#db.query(sql.actorNext, [
      column(machines, quoted),
      LOOK_AHEAD,
      column(charts, quoted),
      from,
    ]);
    return row?.ms === null ? null : field<number>(row, "ms");
  }

  async leftBehind(limit: number): Promise<ActorName[]> {
    return (await this.#db.query(sql.actorStopped, [limit])).map(toName);
  }

  async tidy(): Promise<number> {
    return (await this.#db.query(sql.actorTidy, [RUNS])).length;
  }

  async blocked(
    known: readonly { readonly name: string; readonly version: string | null }[],
    { after, limit }: { readonly after: ActorName | null; readonly limit: number },
  ): Promise<ActorName[]> {
    const rows = await this.#db.query(sql.actorUnblock, [
      BLOCKED,
      column(known, (machine) => quoted(machine.name)),
      column(known, (machine) => quotedOrNull(machine.version)),
      limit,
      after?.tenantId ?? "",
      after?.id ?? "",
    ]);
    return rows.map(toName);
  }

  async get(tenantId: string | null, id: string): Promise<ActorRow | null> {
    const row = await this.#find(tenantId, id, sql.actorGet, []);
    return row ? toActorRow(row) : null;
  }

  /** Of any tenant, the default one first, when none is named. */
  async #find(
    tenantId: string | null,
    id: string,
    text: string,
    more: readonly (string | number | null)[],
  ): Promise<Row | undefined> {
    const query = (tenant: string) => this.#requests.query(text, [tenant, id, ...more]);
    const [found] = await query(tenantId ?? DEFAULT_TENANT);
    if (found || tenantId !== null) return found;
    const [other] = await this.#requests.query(sql.actorTenant, [id]);
    return other && (await query(field<string>(other, "t")))[0];
  }

  async list(filter: ActorFilter, after: string, limit: number): Promise<ActorLine[]> {
    const { tenantId, machine, status, state, id = null, terms = [], upTo = null } = filter;
    const page = [tenantId, machine, status, state, after, limit, OURS, upTo];
    const rows = await this.#requests.query(sql.actorList, [...page, ...termColumns(terms), id]);
    return rows.map(toActorLine);
  }

  async listEdge(tenantId: string, after: string, rows: number): Promise<string | null> {
    const [row] = await this.#requests.query(sql.actorEdge, [tenantId, after, rows]);
    return row ? field<string>(row, "i") : null;
  }

  async living(after: ActorName | null, limit: number): Promise<ActorView[]> {
    const parameters = [after?.tenantId ?? "", after?.id ?? "", ENDED, limit];
    return (await this.#db.query(sql.actorLiving, parameters)).map(toActorView);
  }

  async history(
    { tenantId, id }: ActorName,
    after: number,
    upTo: number,
    limit: number,
    withSnapshots: boolean,
  ): Promise<PastStep[]> {
    const parameters = [tenantId, id, after, upTo, limit, withSnapshots];
    return (await this.#requests.query(sql.actorHistory, parameters)).map(toPastStep);
  }
}

function startedOf(start: Start | null, done: readonly Turn[], row: Row | undefined): ClaimedJob[] {
  if (!start || !row || !field<boolean>(row, "starts")) return [];
  const jobs = done.flatMap((turn) => turn.jobs).filter((job) => start.jobs.has(job.id));
  return jobs.map((job) => toStarted(job, start.leaseId, row));
}

function toName(row: Parameters<typeof toActorView>[0]): ActorName {
  return { tenantId: field<string>(row, "t"), id: field<string>(row, "i") };
}

function nameColumns(names: readonly ActorName[]): [string, string] {
  return [
    column(names, ({ tenantId }) => quoted(tenantId)),
    column(names, ({ id }) => quoted(id)),
  ];
}

/** One order of locks for every batch. */
function inNameOrder(a: ActorName, b: ActorName): number {
  if (a.tenantId !== b.tenantId) return a.tenantId < b.tenantId ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
