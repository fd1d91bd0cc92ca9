/** Files on PostgreSQL: in pieces, so that neither side ever holds a whole one in a statement. */
import { tagOf, tenantTag } from "../core/id.ts";
import * as sql from "../../sql/mod.ts";
import type { Database, Row } from "./database.ts";
import type { FileStore, NewFile, StoredFile } from "./file_records.ts";
import { field, toBytes, toStoredFile } from "./rows.ts";

/** The file side of the store. */
export class PostgresFiles implements FileStore {
  readonly #db: Pick<Database, "query">;

  constructor(db: Pick<Database, "query">) {
    this.#db = db;
  }

  async begin({ tenantId, id, name, mediaType }: NewFile): Promise<void> {
    await this.#db.query(sql.fileBegin, [tenantId, id, name, mediaType, tenantTag(tenantId)]);
  }

  async addPiece(
    { tenantId, id }: Pick<NewFile, "id" | "tenantId">,
    n: number,
    bytes: Uint8Array,
  ): Promise<void> {
    await this.#db.query(sql.filePiece, [tenantId, id, n, base64(bytes)]);
  }

  async complete(file: NewFile, size: number): Promise<StoredFile | null> {
    const [row] = await this.#db.query(sql.fileEnd, [file.tenantId, file.id, size]);
    return row ? { ...file, size, createdAt: createdAt(row) } : null;
  }

  async find(tenantId: string | null, id: string): Promise<StoredFile | null> {
    const [row] = await this.#db.query(sql.fileGet, [tenantId, id, tagOf(id)]);
    return row ? toStoredFile(row) : null;
  }

  async readPiece(
    { tenantId, id }: Pick<NewFile, "id" | "tenantId">,
    n: number,
  ): Promise<Uint8Array | null> {
    const [row] = await this.#db.query(sql.fileRead, [tenantId, id, n]);
    return row ? toBytes(row) : null;
  }

  async drop(tenantId: string, id: string): Promise<boolean> {
    return (await this.#db.query(sql.fileDrop, [tenantId, id])).length > 0;
  }
}

function createdAt(row: Row): string {
  return field<Date>(row, "created_at").toISOString();
}

/** As many bytes as one call of a function may have arguments everywhere. */
const SLICE = 0x2000;

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += SLICE) {
    text += String.fromCharCode(...bytes.subarray(at, at + SLICE));
  }
  return btoa(text);
}
