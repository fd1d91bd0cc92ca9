/** Who is killed, and when: drawn from a seed, so that a run that went wrong can be had again. */
import { Chance } from "../support/chance.ts";

/** What a kill may hit. */
export const VICTIMS = ["worker", "api", "server"] as const;

/** One kill -9. */
export interface PlannedKill {
  readonly victim: typeof VICTIMS[number];
  /** As soon as this much of the work is done. */
  readonly at: number;
}

/** `SEED` of the environment, or a new one: whoever draws from it prints it. */
export function seedOfRun(): number {
  return Number(Deno.env.get("SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
}

/**
 * Kills at moments anywhere in the work, in order. Each of the three is hit as often as the others,
 * give or take one, in an order that is drawn: a row of three workers is as likely as it comes.
 */
export function planKills(seed: number, count: number, work: number): PlannedKill[] {
  const chance = new Chance(seed);
  const moments = Array.from({ length: count }, () => chance.below(work)).sort((a, b) => a - b);
  const deck = moments.map((_, n) => VICTIMS[n % VICTIMS.length] ?? "worker");
  return moments.map((at) => {
    const [victim = "worker"] = deck.splice(chance.below(deck.length), 1);
    return { victim, at };
  });
}
