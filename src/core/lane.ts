/** The lane of a job: a 64-bit key for (queue, type, partition key), fixed at insert. */
import { hash64 } from "./hash.ts";

const CACHED_MAX = 10_000;
const cached = new Map<string, string>();

/** Key of the lane, in decimal. A handful of lanes repeat for ever, so they are remembered. */
export function laneKey(
  job: { readonly queue: string; readonly type: string; readonly partitionKey: string | null },
): string {
  // Names hold no line break, so the joint text is unambiguous; no partition is not an empty one.
  const text = `${job.queue}\n${job.type}\n${job.partitionKey ?? "\n"}`;
  const known = cached.get(text);
  if (known !== undefined) return known;
  if (cached.size >= CACHED_MAX) cached.clear();
  const key = hash64(text);
  cached.set(text, key);
  return key;
}
