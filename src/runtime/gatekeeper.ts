/**
 * Who a credential belongs to.
 *
 * What the database said of a key is believed for a few seconds: a revoked key is refused everywhere
 * within that time, and a busy one costs no query per request.
 */
import type { Access } from "../core/access.ts";
import type { Clock } from "../core/clock.ts";
import { UnauthenticatedError } from "../core/errors.ts";
import { isSameHash, readKey } from "../core/key.ts";
import type { ApiKey } from "../core/api_key.ts";
import type { KeyStore } from "../store/store.ts";

const BELIEVED_MS = 3_000;
const USE_NOTED_MS = 60_000;
/** Known keys; the oldest answer is forgotten first. */
const KNOWN_MAX = 10_000;
/** Compared with when there is no such key: unknown and wrong take the same time. */
const NO_HASH = "0".repeat(64);

interface Known {
  readonly found: { readonly key: ApiKey; readonly hash: string } | null;
  readonly until: number;
}

/** Lets callers in. */
export class Gatekeeper {
  readonly #keys: KeyStore;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();
  readonly #notedAt = new Map<string, number>();

  constructor(keys: KeyStore, clock: Clock) {
    this.#keys = keys;
    this.#clock = clock;
  }

  /**
   * What the key gives access to.
   *
   * @throws {UnauthenticatedError} Not a key, unknown, wrong, expired or revoked: all the same.
   */
  async admit(text: string): Promise<Access> {
    const given = await readKey(text);
    const found = given ? await this.#find(given.id) : null;
    const isKnown = isSameHash(given?.hash ?? "", found?.hash ?? NO_HASH);
    if (!found || !isKnown || !found.key.isLive) {
      throw new UnauthenticatedError("The key is not known here, or no longer valid");
    }
    this.#noteUse(found.key.id);
    const { id, tenantId, scopes } = found.key;
    return { actor: `key ${id}`, tenantId, scopes: new Set(scopes) };
  }

  async #find(id: string): Promise<Known["found"]> {
    const now = this.#clock.monotonic();
    const known = this.#known.get(id);
    if (known && now < known.until) return known.found;
    const found = await this.#keys.findKey(id);
    this.#known.delete(id);
    this.#known.set(id, { found, until: now + BELIEVED_MS });
    const [oldest] = this.#known.keys();
    if (this.#known.size > KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest);
    return found;
  }

  /** For people who look for keys that nobody uses; a failure to note it is no matter. */
  #noteUse(id: string): void {
    const now = this.#clock.monotonic();
    if (now - (this.#notedAt.get(id) ?? -Infinity) < USE_NOTED_MS) return;
    if (this.#notedAt.size > KNOWN_MAX) this.#notedAt.clear();
    this.#notedAt.set(id, now);
    this.#keys.touchKey(id).catch(() => {});
  }
}
