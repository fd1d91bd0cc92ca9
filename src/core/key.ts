/**
 * API keys: `perdura_<id>_<secret>`, an id to find it by and 256 bits to know it by.
 *
 * Only a hash of the secret is stored. SHA-256 without salt or stretching is right here: there is
 * no dictionary of 256-bit random values (OWASP, Cryptographic Storage).
 */
import { newId } from "./id.ts";

const SECRET_BYTES = 32;
const FORM = /^perdura_([0-9a-f]{32})_([A-Za-z0-9_-]{43})$/;

/** A key that has just been made: its text is shown once. */
export interface FreshKey {
  readonly id: string;
  readonly text: string;
  /** SHA-256 of the secret, hexadecimal. */
  readonly hash: string;
}

/** A key as a caller sent it. */
export interface GivenKey {
  readonly id: string;
  readonly hash: string;
}

/** Makes a key, with a secret that never was before. */
export async function newKey(id: string = newId()): Promise<FreshKey> {
  const secret = toBase64Url(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
  const text = `perdura_${id.replaceAll("-", "")}_${secret}`;
  return { id, text, hash: await hashOf(secret) };
}

/** Id and hash of a key's text; null when it is not one. */
export async function readKey(text: string): Promise<GivenKey | null> {
  const [, digits, secret] = FORM.exec(text) ?? [];
  if (digits === undefined || secret === undefined) return null;
  const id = digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  return { id, hash: await hashOf(secret) };
}

/** Compares two hashes in a time that does not depend on where they differ. */
export function isSameHash(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i % b.length);
  return difference === 0;
}

/** SHA-256 of a text, hexadecimal. */
export async function hashOf(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Base64 for addresses and cookies, without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_")
    .replaceAll("=", "");
}
