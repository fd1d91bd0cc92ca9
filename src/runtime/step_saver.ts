/**
 * Results of steps on their way to the database: alone, one is sent at once; while statements are in
 * flight, the next ones gather, so that a hundred jobs that take their steps together pay for one.
 */
import { LeaseLostError } from "../core/errors.ts";
import type { SavedStep, WorkStore } from "../store/store.ts";
import { Batcher } from "./batcher.ts";

const IN_FLIGHT_MAX = 2;
const BATCH_MAX = 500;
/** Shared out from here on: half of the jobs take their next steps while the results of the others are stored. */
const SPREAD_MIN = 150;

interface Waiting {
  readonly step: SavedStep;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Saves the steps of one process. */
export class StepSaver {
  readonly #store: Pick<WorkStore, "saveSteps">;
  readonly #batcher: Batcher<Waiting>;

  constructor(store: Pick<WorkStore, "saveSteps">) {
    this.#store = store;
    this.#batcher = new Batcher({
      send: (batch) => this.#send(batch),
      sizeMax: BATCH_MAX,
      inFlightMax: IN_FLIGHT_MAX,
      spreadMin: SPREAD_MIN,
      gather: () => 0,
    });
  }

  /** @throws {LeaseLostError} Nothing was stored. */
  save(step: SavedStep): Promise<void> {
    return new Promise((resolve, reject) => this.#batcher.add({ step, resolve, reject }));
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    try {
      const fates = await this.#store.saveSteps(batch.map(({ step }) => step));
      batch.forEach(({ step: { job }, resolve, reject }, index) => {
        const fate = fates[index] ?? "lost";
        if (fate === "saved") resolve();
        else reject(fate === "lost" ? new LeaseLostError(job.id, job.version) : fate.refused);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
