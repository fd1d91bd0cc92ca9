/** Places for what lasts, such as streams: so many in all, and for each tenant no more than a part of them. */
import { UnavailableError } from "./errors.ts";

/** One tenant leaves so much of them to the others. */
const SHARE = 4;

/** The places of one process. */
export class Seats {
  readonly #most: number;
  readonly #refusal: string;
  readonly #byTenant = new Map<string | null, number>();
  #taken = 0;

  /** @param refusal What is said when none is left. */
  constructor(most: number, refusal: string) {
    this.#most = most;
    this.#refusal = refusal;
  }

  /**
   * Takes one; the answer gives it back, once.
   *
   * @param tenantId Who asks; null: whoever sees all tenants.
   * @throws {UnavailableError} None is left, or none for this tenant.
   */
  take(tenantId: string | null): () => void {
    const own = this.#byTenant.get(tenantId) ?? 0;
    const isFull = tenantId !== null && own >= Math.ceil(this.#most / SHARE);
    if (isFull || this.#taken >= this.#most) throw new UnavailableError(this.#refusal);
    this.#add(tenantId, 1);
    let isBack = false;
    return () => {
      if (!isBack) this.#add(tenantId, -1);
      isBack = true;
    };
  }

  #add(tenantId: string | null, count: number): void {
    this.#taken += count;
    const own = (this.#byTenant.get(tenantId) ?? 0) + count;
    if (own === 0) this.#byTenant.delete(tenantId);
    else this.#byTenant.set(tenantId, own);
  }
}
