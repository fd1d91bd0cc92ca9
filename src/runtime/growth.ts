/** How the delay between the attempts of a job grows: by what it names itself, its type, and the settings. */
import type { Backoff } from "../core/backoff.ts";

/** What of a growth somebody has named. */
export type NamedGrowth = { readonly [Name in keyof Backoff]?: Backoff[Name] | undefined };

/** By the policies of handlers, of which there are few: each is added to the defaults once. */
export function growths(defaults: Backoff): (policy: NamedGrowth) => Backoff {
  const known = new WeakMap<NamedGrowth, Backoff>();
  return (policy) => {
    const made = known.get(policy);
    if (made) return made;
    const grown = growthOf(policy, defaults);
    known.set(policy, grown);
    return grown;
  };
}

/**
 * What is named, and the defaults for the rest.
 *
 * A cap of the defaults never stands below a base that is named here: the first delay would be shorter than
 * was asked for.
 */
export function growthOf(named: NamedGrowth, defaults: Backoff): Backoff {
  const { baseMs, factor = defaults.factor, capMs } = named;
  return {
    baseMs: baseMs ?? defaults.baseMs,
    factor,
    capMs: capMs ?? Math.max(defaults.capMs, baseMs ?? 0),
  };
}
