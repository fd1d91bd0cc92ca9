/**
 * Small hashes that are not for secrets: repeatable spread, and lane keys.
 *
 * Source: cyrb53 by bryc (public domain), here kept as two 32-bit halves.
 */

/** Two independent 32-bit halves of a hash of `text`, each in [0, 2^32). */
function halves(text: string): [number, number] {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 2654435761);
    b = Math.imul(b ^ unit, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return [a >>> 0, b >>> 0];
}

/** A number in [0, 1) that depends on `text` alone. */
export function unitHash(text: string): number {
  return halves(text)[0] / 2 ** 32;
}

/** A 64-bit hash of `text`, sixteen hexadecimal digits. */
export function hashText(text: string): string {
  return halves(text).map((half) => half.toString(16).padStart(8, "0")).join("");
}

/** A signed 64-bit hash of `text`, in decimal: the form PostgreSQL reads as `bigint`. */
export function hash64(text: string): string {
  const [a, b] = halves(text);
  return BigInt.asIntN(64, (BigInt(a) << 32n) | BigInt(b)).toString();
}
