/** Ordering keys, as operators see them: whose turn it is, and which keys wait for somebody. */
import { NotFoundError } from "../core/errors.ts";
import type { Job } from "../core/job.ts";
import type { BlockedKey, HintStore, OrderStore } from "../store/store.ts";

/** What this needs. */
export type OrderingStore = HintStore & { readonly order: OrderStore };

/** What a waiting job waits for in its ordering key, as people read it; null: it may start. */
export async function turnOf(
  store: { readonly order: OrderStore },
  job: Pick<Job, "tenantId" | "orderingKey" | "id">,
): Promise<string | null> {
  if (job.orderingKey === null) return null;
  const turn = await store.order.turnOf(job.tenantId, job.orderingKey, job.id);
  if (turn === null || turn.ahead === 0) return null;
  const { firstId, firstState, ahead } = turn;
  const state = firstState === "dead_letter" ? "a dead letter" : firstState ?? "just ending";
  const others = ahead > 1 ? `, and ${ahead - 1} more are before this one` : "";
  return `Ordering key "${job.orderingKey}" blocked by job ${firstId}, which is ${state}${others}`;
}

/** Keys of a tenant that wait for an operator. */
export class Ordering {
  readonly #store: OrderingStore;

  constructor(store: OrderingStore) {
    this.#store = store;
  }

  /** Blocked keys by name, after one. */
  blocked(tenantId: string, after: string, limit: number): Promise<BlockedKey[]> {
    return this.#store.order.blocked(tenantId, after, limit);
  }

  /** Lets a key go on without its dead letter; gives the id of that. @throws {NotFoundError} */
  async unblock(tenantId: string, key: string): Promise<string> {
    const id = await this.#store.order.unblock(tenantId, key);
    if (id === null) throw new NotFoundError("blocked ordering key", key);
    const lanes = await this.#store.order.promote(1_000);
    if (lanes.length > 0) this.#store.hint({ kind: "lanes", lanes });
    return id;
  }
}
