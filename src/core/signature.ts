/**
 * Signatures of pushed jobs: HMAC-SHA256 over the time and the body, in one header,
 * `t=<seconds>,v1=<hex>`. The time is part of what is signed, so that an old delivery cannot be sent
 * again later; several secrets may be known at once while one is replaced by another.
 */

/** The header of a signature. */
export const SIGNATURE_HEADER = "perdura-signature";
/** How far the clocks of both sides may be apart, and how old a delivery may be. */
export const REPLAY_WINDOW_MS = 300_000;

/** Why a delivery is not believed. */
export type Refusal = "malformed" | "too_old" | "too_new" | "forged";

/** Signs a body. @param at Milliseconds since 1970. */
export async function signBody(secret: string, body: string, at: number): Promise<string> {
  const seconds = Math.floor(at / 1000);
  return `t=${seconds},v1=${hex(await macOf(secret, `${seconds}.${body}`))}`;
}

/** What a delivery is checked with. */
export interface Verification {
  readonly body: string;
  /** Of `SIGNATURE_HEADER`; null: there was none. */
  readonly header: string | null;
  /** The current secret, and the one before it while it is being replaced. */
  readonly secrets: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly windowMs?: number;
}

/** Null: it is genuine, and young enough. */
export async function verifyBody(given: Verification): Promise<Refusal | null> {
  const { body, header, secrets, now, windowMs = REPLAY_WINDOW_MS } = given;
  const [, seconds, mac = ""] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header ?? "") ?? [];
  if (seconds === undefined) return "malformed";
  const ageMs = now - Number(seconds) * 1000;
  if (ageMs > windowMs) return "too_old";
  if (ageMs < -windowMs) return "too_new";
  const claimed = bytesOf(mac);
  for (const secret of secrets) {
    const key = await keyOf(secret, "verify");
    // Compared by the platform, in a time that does not depend on where they differ.
    const signed = new TextEncoder().encode(`${seconds}.${body}`);
    if (await crypto.subtle.verify("HMAC", key, claimed, signed)) return null;
  }
  return "forged";
}

async function macOf(secret: string, text: string): Promise<Uint8Array> {
  const key = await keyOf(secret, "sign");
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text)));
}

function keyOf(secret: string, use: "sign" | "verify"): Promise<CryptoKey> {
  const bytes = new TextEncoder().encode(secret);
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, [use]);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
