/** Clients that post jobs one by one, whatever the answers are, and note all of them. */
import { eventually } from "../support/build.ts";
import { effect, request } from "./client.ts";
import { PATIENCE_MS } from "./support.ts";

const PAUSE_MS = 25;

/** A few clients at work; `stop` ends them. */
export class Posting {
  /** Ids that were answered with success. */
  readonly acknowledged: string[] = [];
  /** Every status there was; 0: no answer. */
  readonly statuses = new Set<number>();
  readonly #clients: Promise<void>[];
  #isStopping = false;

  constructor(private readonly api: string, clients: number) {
    this.#clients = Array.from({ length: clients }, (_, n) => this.#post(n));
  }

  /** Waits for this many further acknowledgements. */
  async untilAcknowledged(more: number): Promise<void> {
    const wanted = this.acknowledged.length + more;
    const isEnough = () => Promise.resolve(this.acknowledged.length >= wanted);
    await eventually(`${wanted} jobs are acknowledged`, isEnough, PATIENCE_MS);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#clients);
  }

  /** Each job again, under its key, until it is acknowledged. */
  async #post(client: number): Promise<void> {
    for (let n = 0; !this.#isStopping; n++) {
      const key = `client ${client}, job ${n}`;
      while (!this.#isStopping && !await this.#isTaken(key)) {
        await new Promise((done) => setTimeout(done, PAUSE_MS));
      }
    }
  }

  async #isTaken(key: string): Promise<boolean> {
    const answer = await request(`${this.api}/jobs`, { ...effect(key), idempotencyKey: key });
    this.statuses.add(answer.status);
    const isTaken = answer.status === 200 || answer.status === 201;
    if (isTaken) this.acknowledged.push((answer.body as { id: string }).id);
    return isTaken;
  }
}
