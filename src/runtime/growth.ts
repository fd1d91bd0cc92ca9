/** How the delay between the attempts of a job grows, where the job itself says nothing of it. */
import type { Backoff } from "../core/backoff.ts";
import type { RetryPolicy } from "./handlers.ts";

/** By the policies of handlers, of which there are few: each is added to the defaults once. */
export function growths(defaults: Backoff): (policy: RetryPolicy) => Backoff {
  const known = new WeakMap<RetryPolicy, Backoff>();
  return (policy) => {
    const made = known.get(policy);
    if (made) return made;
    const grown = { ...defaults, ...growthOf(policy) };
    known.set(policy, grown);
    return grown;
  };
}

/** The growth of retries that a policy names. */
export function growthOf({ baseMs, factor, capMs }: RetryPolicy): Partial<Backoff> {
  return {
    ...(baseMs === undefined ? {} : { baseMs }),
    ...(factor === undefined ? {} : { factor }),
    ...(capMs === undefined ? {} : { capMs }),
  };
}
