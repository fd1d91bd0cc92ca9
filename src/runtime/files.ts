/** Files that clients send for jobs to read. */
import { NotFoundError, PayloadTooLargeError, UnavailableError } from "../core/errors.ts";
import { newJobId } from "../core/id.ts";
import { limits } from "../core/limits.ts";
import type { FileStore, NewFile, StoredFile } from "../store/store.ts";

/** A file that can be read. */
export interface OpenFile extends StoredFile {
  /** Its bytes, piece by piece, from a place in it (default: its beginning). */
  pieces(from?: number): AsyncGenerator<Uint8Array, void, void>;
}

/** A file as it comes in. */
export interface FileInput extends Omit<NewFile, "id"> {
  readonly bytes: Uint8Array;
}

const PIECE_BYTES = 256 * 1024;

/** Keeps files and finds them again. */
export class Files {
  readonly #store: FileStore;

  constructor(store: FileStore) {
    this.#store = store;
  }

  /**
   * Stores a file; it can be found when all of it is there.
   *
   * @throws {PayloadTooLargeError} Nothing was stored.
   */
  async add({ bytes, ...rest }: FileInput): Promise<StoredFile> {
    if (bytes.length > limits.fileBytesMax) {
      throw new PayloadTooLargeError("File", limits.fileBytesMax);
    }
    const file = { ...rest, id: newJobId(rest.tenantId) };
    await this.#store.begin(file);
    for (let n = 0; n * PIECE_BYTES < bytes.length; n++) {
      const from = n * PIECE_BYTES;
      await this.#store.addPiece(file, n, bytes.subarray(from, from + PIECE_BYTES));
    }
    const stored = await this.#store.complete(file, bytes.length);
    if (!stored) throw new UnavailableError("The file was taken away while it was sent");
    return stored;
  }

  /** @throws {NotFoundError} */
  async open(tenantId: string | null, id: string): Promise<OpenFile> {
    const file = await this.#store.find(tenantId, id);
    if (!file) throw new NotFoundError("file", id);
    return { ...file, pieces: (from = 0) => piecesOf(this.#store, file, from) };
  }

  /** Gives what it was. @throws {NotFoundError} */
  async remove(tenantId: string | null, id: string): Promise<StoredFile> {
    const file = await this.open(tenantId, id);
    if (!await this.#store.drop(file.tenantId, id)) throw new NotFoundError("file", id);
    return file;
  }
}

async function* piecesOf(
  store: FileStore,
  file: StoredFile,
  from: number,
): AsyncGenerator<Uint8Array> {
  const first = Math.floor(from / PIECE_BYTES);
  let read = first * PIECE_BYTES;
  for (let n = first; read < file.size; n++) {
    const piece = await store.readPiece(file, n);
    // Deleted while it is read: half a file must not look like a whole one.
    if (!piece) throw new NotFoundError("file", file.id);
    yield n === first ? piece.subarray(from - read) : piece;
    read += piece.length;
  }
}
