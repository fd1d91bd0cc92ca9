/** Time-ordered ids, made by whoever creates the row: no sequence, no round trip. */
import { type Clock, type Random, systemClock, systemRandom } from "./clock.ts";
import { unitHash } from "./hash.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** True when `text` has the form of a UUID, any version, either case. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/**
 * A maker of UUIDv7 ids that rise strictly within one process.
 *
 * Rising ids keep the batch order of an enqueue, and make neighbours in time neighbours in every
 * index. The 12 bits after the version count within a millisecond; when they run out the stored
 * millisecond is moved on, never back.
 *
 * The last three hex digits are random, or the tag that was asked for.
 *
 * Source: RFC 9562, section 5.7 and method 1 of section 6.2.
 */
export function idMaker(
  clock: Clock = systemClock,
  random: Random = systemRandom,
): (tag?: number) => string {
  let lastMs = 0;
  let counter = 0;
  let writtenMs = -1;
  // The twelve digits of the time, as character codes.
  let t: readonly number[] = [];
  return (tag = Math.floor(random() * TAGS)) => {
    const nowMs = clock.now();
    if (nowMs > lastMs) {
      lastMs = nowMs;
      counter = 0;
    } else if (++counter > 0xfff) {
      lastMs++;
      counter = 0;
    }
    if (lastMs !== writtenMs) {
      writtenMs = lastMs;
      t = Array.from(lastMs.toString(16).padStart(12, "0"), (digit) => digit.charCodeAt(0));
    }
    // 26 bits: two of the variant, 24 of noise; then 24 more.
    const high = Math.floor(random() * 0x4000000);
    const low = Math.floor(random() * 0x1000000);
    // In one go: an id made of pieces stays a chain of pieces, and is copied when it is read.
    // deno-fmt-ignore
    return String.fromCharCode(
      t[0]!, t[1]!, t[2]!, t[3]!, t[4]!, t[5]!, t[6]!, t[7]!, DASH,
      t[8]!, t[9]!, t[10]!, t[11]!, DASH,
      SEVEN, digit(counter >> 8), digit(counter >> 4), digit(counter), DASH,
      digit(8 | high >> 24), digit(high >> 20), digit(high >> 16), digit(high >> 12), DASH,
      digit(high >> 8), digit(high >> 4), digit(high),
      digit(low >> 20), digit(low >> 16), digit(low >> 12),
      digit(low >> 8), digit(low >> 4), digit(low),
      digit(tag >> 8), digit(tag >> 4), digit(tag),
    );
  };
}

const DASH = "-".charCodeAt(0);
const SEVEN = "7".charCodeAt(0);

/** The lowest four bits as the code of a hex digit. */
function digit(value: number): number {
  const n = value & 15;
  return n < 10 ? 48 + n : 87 + n;
}

/** The id maker of this process. */
export const newId: (tag?: number) => string = idMaker();

/** The least id that could have been made at a time, in milliseconds since 1970. */
export function leastIdAt(ms: number): string {
  const text = Math.max(0, Math.min(Math.floor(ms), 2 ** 48 - 1)).toString(16).padStart(12, "0");
  return `${text.slice(0, 8)}-${text.slice(8)}-0000-0000-000000000000`;
}

/** The id right after one, in the order of ids; of the last one itself. */
export function idAfter(id: string): string {
  const next = (BigInt(`0x${id.replaceAll("-", "")}`) + 1n).toString(16).padStart(32, "0");
  if (next.length > 32) return id;
  return [0, 8, 12, 16, 20].map((at, i, starts) => next.slice(at, starts[i + 1] ?? 32)).join("-");
}

const TAGS = 4096;

/** A hash of a tenant, in [0, 4096). Its jobs carry it, so that an id alone leads to the tenant. */
export function tenantTag(tenantId: string): number {
  return Math.floor(unitHash(tenantId) * TAGS);
}

/** The tag that an id carries. */
export function tagOf(id: string): number {
  return parseInt(id.slice(-3), 16);
}

/** A new id for a job of this tenant. */
export function newJobId(tenantId: string): string {
  if (tenantId !== tagged.tenantId) tagged = { tenantId, tag: tenantTag(tenantId) };
  return newId(tagged.tag);
}

/** The last tenant asked for: a batch is mostly of one. */
let tagged = { tenantId: "", tag: tenantTag("") };
