/** The way in: a store on a database. */
import type { Cipher } from "../core/cipher.ts";
import { Database, type DatabaseOptions } from "./database.ts";
import { encryptedStore } from "./encrypted.ts";
import { PostgresStore } from "./postgres.ts";
import { RequestDatabase } from "./request.ts";
import type { Store } from "./store.ts";

/**
 * Opens the store; with a cipher, what jobs carry is encrypted. The schema must be migrated; no
 * connection is made before the first call.
 */
export function openStore(options: DatabaseOptions, cipher: Cipher | null = null): Store {
  const db = new Database(options);
  const store = new PostgresStore(db, new RequestDatabase(options, db));
  return cipher ? encryptedStore(store, cipher) : store;
}
