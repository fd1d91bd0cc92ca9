/** The calls about actors. */
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
import type { SendStatement, TransactionSql } from "./records.ts";

/** What the runtime asks of a database about actors. Errors as in `Store`. */
export interface ActorStore {
  /** Takes actors with due mail. A hint to other processes, no lock. */
  claim(request: TurnRequest): Promise<TurnClaim>;
  /** One actor; `tenantId` null: of any tenant. */
  read(
    tenantId: string | null,
    id: string,
    mail: number,
    key: string | null,
  ): Promise<ActorView | null>;
  /** Commits turns, each guarded by the version it was made from: a batch shares no fate. */
  commit(
    worker: string,
    turnId: string | null,
    turns: readonly Turn[],
    start?: Start | null,
  ): Promise<Committed>;
  /**
   * Commits ends of activities together with the turns that hear of them, and starts their jobs.
   *
   * @throws {UnknownResultError} Each may have been committed.
   */
  relay(lease: Omit<Start, "jobs">, relays: readonly Relay[]): Promise<readonly Relayed[]>;
  /**
   * Runs `write`, then `seal` with statements of ours, in a transaction whose last statement commits
   * the turn that `seal` gives. A throw rolls back.
   * @throws {LeaseLostError} The actor has moved on; nothing was written.
   */
  transact(
    worker: string,
    tenantId: string,
    write: (sql: TransactionSql) => Promise<void>,
    seal: (send: SendStatement) => Promise<Turn>,
    capMs?: number,
  ): Promise<void>;
  /** Makes a tenant that is not there: before its first actor is born in a transaction. */
  addTenant(tenantId: string): Promise<void>;
  /** Stores events. Gives the ids of those whose key was not known. */
  send(mail: readonly OutsideMail[]): Promise<ReadonlySet<string>>;
  /** The mail of a key. */
  mailOfKey(name: ActorName, key: string): Promise<string | null>;
  fate(name: ActorName, mailId: string, afterVersion: number): Promise<MailFate | null>;
  /** Takes the mail of actors that do not run out of the way. */
  park(names: readonly ActorName[]): Promise<void>;
  /** Throws away mail for actors that are not there. Gives how many. */
  drop(names: readonly ActorName[]): Promise<number>;
  /** Milliseconds until mail comes due; null: none waits. */
  nextDue(who: Pick<TurnRequest, "machines" | "charts" | "from">): Promise<number | null>;
  /** Jobs of activities that were left behind. */
  leftBehind(limit: number): Promise<ActorName[]>;
  /** Offers mail again that was parked by mistake; forgets turns that are over. */
  tidy(): Promise<number>;
  /** Blocked actors of machine versions that are here, in their order, after one. */
  blocked(
    known: readonly { readonly name: string; readonly version: string | null }[],
    page: { readonly after: ActorName | null; readonly limit: number },
  ): Promise<ActorName[]>;
  get(tenantId: string | null, id: string): Promise<ActorRow | null>;
  list(filter: ActorFilter, after: string, limit: number): Promise<ActorLine[]>;
  /** Where a look at so many actors after an id ends; null: nothing is beyond. */
  listEdge(tenantId: string, after: string, rows: number): Promise<string | null>;
  /** Actors that have not ended, of all tenants, after one: for a look at all of them. */
  living(after: ActorName | null, limit: number): Promise<ActorView[]>;
  /** Steps after a version, up to one, ascending. */
  history(
    name: ActorName,
    after: number,
    upTo: number,
    limit: number,
    withSnapshots: boolean,
  ): Promise<PastStep[]>;
}
