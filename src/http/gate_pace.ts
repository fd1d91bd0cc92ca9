/**
 * How often a tenant may change its gates.
 *
 * A claim names the last change of gates that its process knows, and takes nothing when there is a newer one,
 * whoever's it is: so each change costs all workers a reading and a claim. Who changes them without end
 * would slow down the jobs of everybody.
 */
import { Budget } from "../core/budget.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import { RateLimitedError } from "../core/errors.ts";

const CHANGES_PER_SECOND = 5;
/** Who sets up all queues of a service is not to wait. */
const BURST = 100;
const KNOWN_MAX = 10_000;

/** The changes that the tenants of one process ask for. */
export class GatePace {
  readonly #clock: Clock;
  readonly #budgets = new Map<string, Budget>();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** @param tenantId Of the credential; null: it is of all tenants. @throws {RateLimitedError} */
  demand(tenantId: string | null): void {
    if (tenantId === null) return;
    const budget = this.#budgets.get(tenantId) ??
      new Budget(CHANGES_PER_SECOND, this.#clock, BURST);
    if (this.#budgets.size >= KNOWN_MAX) this.#budgets.clear();
    this.#budgets.set(tenantId, budget);
    if (budget.take()) return;
    const message = `Limits, pauses and breakers of a tenant may change ${BURST} times at once, ` +
      `and then ${CHANGES_PER_SECOND} times a second`;
    throw new RateLimitedError(message, 1_000);
  }
}
