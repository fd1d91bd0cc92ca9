/**
 * Payloads and outputs as ciphertext: AES-256-GCM (NIST SP 800-38D), by the platform's WebCrypto.
 *
 * Tenant, job and field are bound in as additional data: a ciphertext that is moved to another row is
 * no ciphertext there. Several keys may be known: the first one encrypts, each decrypts what names it,
 * so a key is changed by putting another in front of it.
 */
import type { Json } from "./json.ts";

const KEY_BYTES = 32;
const IV_BYTES = 12;
const KEY_ID = /^[A-Za-z0-9_.-]{1,32}$/;

/** Where a value belongs. */
export interface Place {
  readonly tenantId: string;
  readonly jobId: string;
  readonly field: "payload" | "output";
}

/** One key, as a setting says it. */
export interface CipherKey {
  readonly id: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** `{ "$encrypted": { key, iv, data } }`, the last two in Base64. */
interface Sealed {
  readonly key: string;
  readonly iv: string;
  readonly data: string;
}

/**
 * Keys as a setting lists them: `id:base64,id:base64`, 32 bytes each.
 *
 * @throws {TypeError} Says what is wrong, and shows no key.
 */
export function parseCipherKeys(text: string): CipherKey[] {
  const keys = text.split(",").map((part, index) => {
    const [id = "", encoded = ""] = part.trim().split(":");
    if (!KEY_ID.test(id)) throw new TypeError(`Key ${index + 1} has no name before its colon`);
    const bytes = fromBase64(encoded);
    if (bytes?.length !== KEY_BYTES) {
      throw new TypeError(`Key "${id}" must be ${KEY_BYTES} bytes in Base64`);
    }
    return { id, bytes };
  });
  if (new Set(keys.map(({ id }) => id)).size < keys.length) {
    throw new TypeError("Two keys have the same name");
  }
  return keys;
}

/** Encrypts and decrypts JSON. */
export class Cipher {
  readonly #keys: ReadonlyMap<string, Promise<CryptoKey>>;
  readonly #first: string;

  /** @param keys The first encrypts; at least one. */
  constructor(keys: readonly CipherKey[]) {
    const [first] = keys;
    if (!first) throw new TypeError("A cipher needs a key");
    this.#first = first.id;
    this.#keys = new Map(keys.map(({ id, bytes }) => [id, imported(bytes)]));
  }

  /** JSON text as JSON text that only the key opens, and only in its place. */
  async encrypt(text: string, place: Place): Promise<string> {
    const key = await this.#keys.get(this.#first);
    if (!key) throw new TypeError("A cipher needs a key");
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const data = await crypto.subtle.encrypt(
      { name: "AES-GCM", iv, additionalData: boundTo(place) },
      key,
      new TextEncoder().encode(text),
    );
    const sealed: Sealed = {
      key: this.#first,
      iv: toBase64(iv),
      data: toBase64(new Uint8Array(data)),
    };
    return JSON.stringify({ $encrypted: sealed });
  }

  /**
   * The value behind a ciphertext. What is none is given back as it is, and so is one of a key that is
   * not known here, or that was changed or moved: it shows nothing.
   */
  async decrypt(value: Json, place: Place): Promise<Json> {
    const sealed = sealedOf(value);
    const key = sealed && await this.#keys.get(sealed.key);
    const [iv, data] = [fromBase64(sealed?.iv ?? ""), fromBase64(sealed?.data ?? "")];
    if (!key || !iv || !data) return value;
    try {
      const bytes = await crypto.subtle.decrypt(
        { name: "AES-GCM", iv, additionalData: boundTo(place) },
        key,
        data,
      );
      return JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      return value;
    }
  }
}

/** The key that a value is encrypted under; null: it is none of our ciphertexts. */
export function sealedUnder(value: unknown): string | null {
  return sealedOf(value)?.key ?? null;
}

function imported(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
}

function boundTo({ tenantId, jobId, field }: Place): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify([tenantId, jobId, field]));
}

function sealedOf(value: unknown): Sealed | null {
  if (typeof value !== "object" || value === null || !("$encrypted" in value)) return null;
  const { key, iv, data } = Object(value.$encrypted);
  const isSealed = [key, iv, data].every((part) => typeof part === "string");
  return isSealed ? { key, iv, data } : null;
}

/** In pieces: the arguments of a call are bounded. */
function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(text);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
}
