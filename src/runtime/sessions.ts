/**
 * Sessions of browsers: a key is exchanged for an opaque token, of which the database has a hash. Each
 * use asks for the key again, so that a revoked one ends its sessions.
 */
import type { Access } from "../core/access.ts";
import type { Clock } from "../core/clock.ts";
import { RateLimitedError, UnauthenticatedError } from "../core/errors.ts";
import { hashOf, readKey, toBase64Url } from "../core/key.ts";
import type { UiStore } from "../store/store.ts";
import type { Gatekeeper } from "./gatekeeper.ts";

/** So long a session lasts, milliseconds. */
export const SESSION_MS = 12 * 60 * 60 * 1000;
/** Keys that were tried and wrong, by this process in a minute: nobody types faster. */
const WRONG_MAX = 20;
const WRONG_MS = 60_000;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;
const BELIEVED_MS = 3_000;
const KNOWN_MAX = 10_000;

/** Begins, knows and ends sessions. */
export class Sessions {
  readonly #store: UiStore;
  readonly #gatekeeper: Gatekeeper;
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly keyId: string; readonly until: number }>();
  #wrong: number[] = [];

  constructor(store: UiStore, gatekeeper: Gatekeeper, clock: Clock) {
    this.#store = store;
    this.#gatekeeper = gatekeeper;
    this.#clock = clock;
  }

  /**
   * Exchanges a key for the token of a new session.
   *
   * @throws {UnauthenticatedError} Not a key that is good here.
   * @throws {RateLimitedError} Too many wrong ones lately.
   */
  async begin(keyText: string): Promise<string> {
    try {
      await this.#gatekeeper.admit(keyText);
    } catch (error) {
      if (error instanceof UnauthenticatedError) this.#noteWrong();
      throw error;
    }
    const key = await readKey(keyText);
    const token = toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
    await this.#store.startSession(await hashOf(token), key?.id ?? "", SESSION_MS);
    return token;
  }

  /** Who a session belongs to. @throws {UnauthenticatedError} Over, or never begun. */
  async admit(token: string): Promise<Access> {
    const keyId = TOKEN.test(token) ? await this.#keyOf(await hashOf(token)) : null;
    if (keyId === null) throw new UnauthenticatedError("The session is over: sign in again");
    return await this.#gatekeeper.admitId(keyId);
  }

  /** Ends a session; one that is not there has ended already. */
  async end(token: string): Promise<void> {
    const hash = await hashOf(token);
    this.#known.delete(hash);
    await this.#store.endSession(hash);
  }

  /** A stranger who guesses is slowed down, and keeps nobody out who has a key. */
  #noteWrong(): void {
    const now = this.#clock.monotonic();
    this.#wrong = this.#wrong.filter((at) => now - at < WRONG_MS);
    if (this.#wrong.length >= WRONG_MAX) {
      const wait = WRONG_MS - (now - (this.#wrong[0] ?? now));
      throw new RateLimitedError("Too many wrong keys; try again later", wait);
    }
    this.#wrong.push(now);
  }

  async #keyOf(hash: string): Promise<string | null> {
    const now = this.#clock.monotonic();
    const known = this.#known.get(hash);
    if (known && now < known.until) return known.keyId;
    this.#known.delete(hash);
    const keyId = await this.#store.sessionKey(hash);
    if (keyId === null) return null;
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    this.#known.set(hash, { keyId, until: now + BELIEVED_MS });
    return keyId;
  }
}
