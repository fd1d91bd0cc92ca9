/** The lane of a job: a 64-bit key for (queue, type, partition key, limit key, ordered or not), fixed at insert. */
import { hash64 } from "./hash.ts";

const CACHED_MAX = 10_000;
const cached = new Map<string, string>();

/** The one that was asked for last. */
let last: Required<Omit<LaneOf, "orderingKey">> & { isOrdered: boolean; key: string } | null = null;

/** What a lane is made of. */
export interface LaneOf {
  readonly queue: string;
  readonly type: string;
  readonly partitionKey: string | null;
  readonly limitKey?: string | null;
  readonly orderingKey?: string | null;
}

/**
 * Key of the lane, in decimal. A handful of lanes repeat for ever, so they are remembered.
 *
 * Jobs with an ordering key have lanes of their own, with even keys. The odd one beside each is where those
 * wait that are not the first of their key: no claim looks there.
 */
export function laneKey(job: LaneOf): string {
  const { queue, type, partitionKey, limitKey = null, orderingKey = null } = job;
  // Neighbours mostly share one, and asking for it is more often than not about the job of a moment ago.
  const isOrdered = orderingKey !== null;
  if (
    last?.type === type && last.queue === queue && last.partitionKey === partitionKey &&
    last.limitKey === limitKey && last.isOrdered === isOrdered
  ) return last.key;
  const key = keyOf({ queue, type, partitionKey, limitKey, orderingKey });
  last = { queue, type, partitionKey, limitKey, isOrdered, key };
  return key;
}

function keyOf({ queue, type, partitionKey, limitKey, orderingKey }: Required<LaneOf>): string {
  // Names hold no line break, so the joint text is unambiguous; no partition is not an empty one.
  let text = `${queue}\n${type}\n${partitionKey ?? "\n"}`;
  if (limitKey !== null) text += `\nlimit\n${limitKey}`;
  if (orderingKey !== null) text += "\nordered";
  const known = cached.get(text);
  if (known !== undefined) return known;
  if (cached.size >= CACHED_MAX) cached.clear();
  const key = orderingKey === null ? hash64(text) : evenOf(hash64(text));
  cached.set(text, key);
  return key;
}

function evenOf(key: string): string {
  return (BigInt(key) & -2n).toString();
}
