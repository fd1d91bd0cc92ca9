/** Members on PostgreSQL. */
import { stateCode } from "../core/codes.ts";
import { storedError } from "../core/fingerprint.ts";
import { newId } from "../core/id.ts";
import type { JobInsert } from "../core/job.ts";
import { INITIAL_STATE } from "../core/lifecycle.ts";
import * as sql from "../../sql/mod.ts";
import type { Database } from "./database.ts";
import type { Enqueue } from "./enqueue.ts";
import { isPlain, plainColumns } from "./inserting.ts";
import { column, quoted, quotedOrNull, sparseColumn } from "./literal.ts";
import type {
  FailedMember,
  MemberOpener,
  MemberOwner,
  MemberStore,
  NewMember,
  RefusedMember,
} from "./member_records.ts";
import { toFailedMember } from "./member_rows.ts";
import type { SendStatement } from "./records.ts";

/** The members of a database. */
export class PostgresMembers implements MemberStore {
  readonly #db: Pick<Database, "query">;
  readonly #enqueue: Pick<Enqueue, "insertIn">;

  constructor(db: Pick<Database, "query">, enqueue: Pick<Enqueue, "insertIn">) {
    this.#db = db;
    this.#enqueue = enqueue;
  }

  async insertIn(
    send: SendStatement,
    { tenantId, id }: MemberOpener,
    members: readonly NewMember[],
  ): Promise<boolean> {
    const rows = members.map(({ row }) => row);
    const labels = sparseColumn(members, ({ label }) => quotedOrNull(label));
    if (isPlainAlike(rows)) {
      const [ids, numbers, payloads, _tenants, ...definitions] = plainColumns(rows);
      const shared = rows[0]?.metadataJson ?? null;
      const first = [tenantId, id, stateCode(INITIAL_STATE), shared];
      const each = [ids ?? "{}", numbers ?? "{}", payloads ?? "", labels];
      return (await send(sql.memberInsert, [...first, ...each, ...definitions])).length > 0;
    }
    await this.#enqueue.insertIn(send, rows);
    const ids = column(rows, (row) => row.id);
    return (await send(sql.memberAdopt, [tenantId, id, ids, labels])).length > 0;
  }

  async beginIn(
    send: SendStatement,
    { tenantId, actorId, uid }: MemberOwner,
    members: readonly NewMember[],
  ): Promise<void> {
    const rows = members.map(({ row }) => row);
    await this.#enqueue.insertIn(send, rows);
    const ids = column(rows, (row) => row.id);
    const labels = sparseColumn(members, ({ label }) => quotedOrNull(label));
    await send(sql.memberBegin, [tenantId, actorId, uid, ids, labels]);
  }

  async refuseIn(
    send: SendStatement,
    { tenantId, id }: MemberOpener,
    refused: readonly RefusedMember[],
  ): Promise<void> {
    await send(sql.memberRefuse, [
      tenantId,
      id,
      column(refused, () => newId()),
      sparseColumn(refused, ({ label }) => quotedOrNull(label)),
      column(refused, ({ error }) => quoted(storedError(error) ?? "null")),
    ]);
  }

  async failures(
    tenantId: string,
    actorId: string,
    after: string | null,
    limit: number,
  ): Promise<FailedMember[]> {
    const rows = await this.#db.query(sql.memberFailures, [tenantId, actorId, after, limit]);
    return rows.map(toFailedMember);
  }
}

/** Nothing to them but what they share. */
function isPlainAlike(rows: readonly JobInsert[]): boolean {
  const [first] = rows;
  return rows.every((row) =>
    row.metadataJson === first?.metadataJson && isPlain({ ...row, metadataJson: null })
  );
}
