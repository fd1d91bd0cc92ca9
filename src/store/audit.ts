/** The audit in the database. */
import type { AuditEntry, AuditFilter, AuditRecord } from "../core/audit.ts";
import type { Json } from "../core/json.ts";
import { newId } from "../core/id.ts";
import * as sql from "../../sql/mod.ts";
import type { Database, Parameter, Row } from "./database.ts";
import { PLATFORM_TENANT } from "./keys.ts";
import { shape } from "./rows.ts";
import type { AuditStore } from "./store.ts";

/** The audit on PostgreSQL. */
export class PostgresAudit implements AuditStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async record(entry: AuditEntry): Promise<void> {
    await this.#db.query(sql.recordAudit, auditParameters(entry));
  }

  async list(filter: AuditFilter, before: string | null, limit: number): Promise<AuditRecord[]> {
    const { tenantId, who, action, subject, from, until } = filter;
    const rows = await this.#db.query(sql.listAudit, [
      tenantId,
      before,
      who,
      action,
      subject,
      from,
      until,
      limit,
    ]);
    return rows.map(toAuditRecord);
  }
}

/** The parameters of record_audit.sql. */
function auditParameters(entry: AuditEntry): Parameter[] {
  const { tenantId, who, action, subject, reason = null, version = null, detail = null } = entry;
  return [
    tenantId ?? PLATFORM_TENANT,
    newId(),
    who,
    action,
    subject,
    reason,
    version,
    detail === null ? null : JSON.stringify(detail),
  ];
}

/** list_audit.sql */
function toAuditRecord(row: Row): AuditRecord {
  const r = shape<{
    tenant_id: string;
    id: string;
    at: Date;
    who: string;
    action: string;
    subject: string;
    reason: string | null;
    version: number | null;
    detail: Json;
  }>(row);
  const { tenant_id, at, ...rest } = r;
  const tenantId = tenant_id === PLATFORM_TENANT ? null : tenant_id;
  return { ...rest, tenantId, at: at.toISOString() };
}
