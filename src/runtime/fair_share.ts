/**
 * Who gets how much of a claim, when some are to get more than others: stride scheduling (Waldspurger and
 * Weihl, 1995). Each queue of a tenant has a pass that moves on by what it got over its weight; the one
 * that is furthest behind is next. Who has had nothing to ask for a while begins where the others are:
 * shares are of what there is to share, and are not saved up.
 */
import type { Lane } from "../store/store.ts";

/**
 * Weights of a tenant among tenants (queue null), of a queue among those of its tenant (type null), and of a
 * type among those of its queue.
 */
export type Weigh = (tenantId: string, queue: string | null, type: string | null) => number;

type Names = Pick<Lane, "tenantId" | "queue">;

/** Anything that belongs to a lane. */
interface OfLane {
  readonly lane: Names & Pick<Lane, "type">;
}

interface Account {
  pass: number;
  weight: number;
  /** The last round in which it asked. */
  round: number;
}

/** The lanes of one tenant and queue. A tenant's weight is divided among those of its queues that ask. */
interface Unit<L> {
  readonly key: string;
  readonly lanes: readonly (readonly L[])[];
  readonly weight: number;
}

/** Shares of the lanes of one process. */
export class FairShare {
  readonly #accounts = new Map<string, Account>();
  #round = 0;
  /** The least pass of those that asked last. */
  #pass = 0;

  /** Shares `limit` among at most `lanesMax` of the lanes that ask, those first that are owed most. */
  divide<L extends OfLane>(
    lanes: readonly (readonly L[])[],
    limit: number,
    lanesMax: number,
    weigh: Weigh,
  ): { quantum: number; levels: readonly L[] }[] {
    const chosen = this.#inOrder(unitsOf(lanes, weigh)).slice(0, lanesMax);
    const whole = chosen.reduce((sum, { weight }) => sum + weight, 0);
    const each = Math.max(1, Math.floor(lanesMax / Math.max(1, chosen.length)));
    return chosen.flatMap(({ weight, lanes }) => {
      const begin = this.#round % lanes.length;
      const turn = [...lanes.slice(begin), ...lanes.slice(0, begin)].slice(0, each);
      const parts = turn.map(([level]) => level ? weighType(level, weigh) : 1);
      const sum = parts.reduce((a, b) => a + b, 0);
      const quantumOf = (part: number) =>
        Math.max(1, Math.ceil(limit * weight / whole * part / sum));
      return turn.map((levels, index) => ({ levels, quantum: quantumOf(parts[index] ?? 1) }));
    });
  }

  /** A lane has got so many jobs. */
  charge(lane: Names, jobs: number): void {
    const account = this.#accounts.get(keyOf(lane));
    if (account) account.pass += jobs / account.weight;
  }

  /** Forgets all lanes but these. */
  keep(lanes: Iterable<OfLane>): void {
    const keys = new Set(Array.from(lanes, ({ lane }) => keyOf(lane)));
    for (const key of this.#accounts.keys()) if (!keys.has(key)) this.#accounts.delete(key);
  }

  #inOrder<L>(units: readonly Unit<L>[]): Unit<L>[] {
    this.#round++;
    for (const { key, weight } of units) {
      const account = this.#accounts.get(key) ?? { pass: 0, weight, round: -1 };
      if (account.round < this.#round - 1) account.pass = Math.max(account.pass, this.#pass);
      this.#accounts.set(key, Object.assign(account, { weight, round: this.#round }));
    }
    const passOf = ({ key }: Unit<L>) => this.#accounts.get(key)?.pass ?? 0;
    const ordered = [...units].sort((a, b) => passOf(a) - passOf(b));
    if (ordered[0]) this.#pass = Math.max(this.#pass, passOf(ordered[0]));
    return ordered;
  }
}

function unitsOf<L extends OfLane>(lanes: readonly (readonly L[])[], weigh: Weigh): Unit<L>[] {
  const byKey = new Map<string, { names: Names; lanes: (readonly L[])[] }>();
  for (const levels of lanes) {
    const [level] = levels;
    if (!level) continue;
    const key = keyOf(level.lane);
    const unit = byKey.get(key) ?? { names: level.lane, lanes: [] };
    unit.lanes.push(levels);
    byKey.set(key, unit);
  }
  const sums = new Map<string, number>();
  for (const { names: { tenantId, queue } } of byKey.values()) {
    sums.set(tenantId, (sums.get(tenantId) ?? 0) + weigh(tenantId, queue, null));
  }
  return [...byKey].map(([key, { names: { tenantId, queue }, lanes }]) => {
    const part = weigh(tenantId, queue, null) / (sums.get(tenantId) ?? 1);
    return { key, lanes, weight: weigh(tenantId, null, null) * part };
  });
}

function weighType({ lane: { tenantId, queue, type } }: OfLane, weigh: Weigh): number {
  return weigh(tenantId, queue, type);
}

function keyOf({ tenantId, queue }: Names): string {
  return `${tenantId}\n${queue}`;
}
