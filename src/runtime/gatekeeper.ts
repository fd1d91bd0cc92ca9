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
/** A busy key is asked for again so long before, beside its requests: none of them waits, nor all at once. */
const RENEWED_MS = 1_000;
const USE_NOTED_MS = 60_000;
/** Known keys; the oldest answer is forgotten first. */
const KNOWN_MAX = 10_000;
/** Compared with when there is no such key: unknown and wrong take the same time. */
const NO_HASH = "0".repeat(64);

type Answer = { readonly access: Access; readonly id: string } | null;

interface Remembered {
  readonly answer: Answer;
  readonly until: number;
  /** It has been asked for again. */
  isRenewed: boolean;
}

/** Lets callers in. */
export class Gatekeeper {
  readonly #keys: KeyStore;
  readonly #clock: Clock;
  /** What was said of a key, by its whole text. */
  readonly #answers = new Map<string, Remembered>();
  readonly #notedAt = new Map<string, number>();

  constructor(keys: KeyStore, clock: Clock) {
    this.#keys = keys;
    this.#clock = clock;
  }

  /**
   * What the key gives access to.
   *
   * Every text that was not seen of late costs the same: a hash, a query, a comparison, whether its id
   * is known or not.
   *
   * @throws {UnauthenticatedError} Not a key, unknown, wrong, expired or revoked: all the same.
   */
  async admit(text: string): Promise<Access> {
    const now = this.#clock.monotonic();
    const known = this.#answers.get(text);
    const answer = known && now < known.until ? known.answer : await this.#ask(text, now);
    if (!answer) throw new UnauthenticatedError("The key is not known here, or no longer valid");
    this.#noteUse(answer.id, now);
    return answer.access;
  }

  /** The same without asking anybody; null: `admit` has to. */
  known(text: string): Access | null {
    const known = this.#answers.get(text);
    if (!known?.answer) return null;
    const now = this.#clock.monotonic();
    if (now >= known.until) return null;
    if (now >= known.until - RENEWED_MS && !known.isRenewed) {
      known.isRenewed = true;
      // That it cannot be asked now, the next request will see.
      this.#ask(text, now).catch(() => {});
    }
    this.#noteUse(known.answer.id, now);
    return known.answer.access;
  }

  /**
   * The same for who has shown the key before, and has a session since.
   *
   * @throws {UnauthenticatedError} Expired or revoked since.
   */
  async admitId(id: string): Promise<Access> {
    const now = this.#clock.monotonic();
    // No key has a blank in it.
    const name = `id ${id}`;
    const known = this.#answers.get(name);
    const answer = known && now < known.until ? known.answer : await this.#askId(name, id, now);
    if (!answer) throw new UnauthenticatedError("The key is no longer valid");
    this.#noteUse(answer.id, now);
    return answer.access;
  }

  async #ask(text: string, now: number): Promise<Answer> {
    const given = await readKey(text);
    if (!given) return null;
    const found = await this.#keys.findKey(given.id);
    const isKnown = isSameHash(given.hash, found?.hash ?? NO_HASH);
    return this.#remember(
      text,
      found && isKnown && found.key.isLive ? admitted(found.key) : null,
      now,
    );
  }

  async #askId(name: string, id: string, now: number): Promise<Answer> {
    const found = await this.#keys.findKey(id);
    return this.#remember(name, found?.key.isLive ? admitted(found.key) : null, now);
  }

  #remember(text: string, answer: Answer, now: number): Answer {
    this.#answers.delete(text);
    this.#answers.set(text, { answer, until: now + BELIEVED_MS, isRenewed: false });
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > KNOWN_MAX && oldest !== undefined) this.#answers.delete(oldest);
    return answer;
  }

  /** For people who look for keys that nobody uses; a failure to note it is no matter. */
  #noteUse(id: string, now: number): void {
    if (now - (this.#notedAt.get(id) ?? -Infinity) < USE_NOTED_MS) return;
    if (this.#notedAt.size > KNOWN_MAX) this.#notedAt.clear();
    this.#notedAt.set(id, now);
    this.#keys.touchKey(id).catch(() => {});
  }
}

function admitted({ id, tenantId, scopes }: ApiKey) {
  return { id, access: { actor: `key ${id}`, tenantId, scopes: new Set(scopes) } };
}
