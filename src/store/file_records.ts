/** Files in the database, and what is asked of it. */

/** A complete file, without its bytes. */
export interface StoredFile {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
  readonly createdAt: string;
}

/** A file to be. */
export type NewFile = Pick<StoredFile, "id" | "tenantId" | "name" | "mediaType">;

/** Keeps files. */
export interface FileStore {
  begin(file: NewFile): Promise<void>;
  /** Adds the piece with this number; they begin with 0. */
  addPiece(file: Pick<NewFile, "id" | "tenantId">, n: number, bytes: Uint8Array): Promise<void>;
  /** From now on it can be found. Null: it was not there. */
  complete(file: NewFile, size: number): Promise<StoredFile | null>;
  find(tenantId: string | null, id: string): Promise<StoredFile | null>;
  /** Null: there is none with this number. */
  readPiece(file: Pick<NewFile, "id" | "tenantId">, n: number): Promise<Uint8Array | null>;
  /** False: it was not there. */
  drop(tenantId: string, id: string): Promise<boolean>;
}
