/**
 * The router of the API: Hono's own, which is asked once about a path that is written out in the table.
 *
 * The routes of the API overlap (`/jobs/batch`, `/jobs/{id}`), which leaves them to the router that walks the
 * parts of a path anew for each request. What it finds for `/jobs` is always the same.
 */
import type { Result, Router } from "hono/router";
import { TrieRouter } from "hono/router/trie-router";

/** Remembers what it has found for paths without parameters. */
export class KnownPaths<T> implements Router<T> {
  readonly name = "KnownPaths";
  readonly #inner = new TrieRouter<T>();
  readonly #written = new Set<string>();
  readonly #found = new Map<string, Result<T>>();

  add(method: string, path: string, handler: T): void {
    this.#inner.add(method, path, handler);
    this.#found.clear();
    if (!/[:*]/.test(path)) this.#written.add(path);
  }

  match(method: string, path: string): Result<T> {
    // Methods and paths of clients are without number: only what is in the table is remembered.
    if (!this.#written.has(path) || !METHODS.has(method)) return this.#inner.match(method, path);
    const key = `${method} ${path}`;
    const known = this.#found.get(key);
    if (known) return known;
    const found = this.#inner.match(method, path);
    this.#found.set(key, found);
    return found;
  }
}

const METHODS: ReadonlySet<string> = new Set(["GET", "POST", "PUT", "PATCH", "DELETE"]);
