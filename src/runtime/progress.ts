/** Progress of one attempt, for people to look at: the latest wins. */
import type { Json } from "../core/json.ts";
import { serialise } from "../core/job.ts";
import { limits } from "../core/limits.ts";
import { scrubbing } from "../core/redaction.ts";
import type { Held, WorkStore } from "../store/store.ts";

/** Writes one value at a time; one that came meanwhile is written next, those between never. */
export class Progress {
  readonly #job: Held;
  readonly #store: Pick<WorkStore, "saveProgress">;
  readonly #onLost: () => void;
  readonly #scrub: ((text: string) => string) | null;
  #json: string | null = null;
  #isSaving = false;

  /** @param scrub Takes out what the payload's schema marks; null: it marks nothing. */
  constructor(
    job: Held,
    store: Pick<WorkStore, "saveProgress">,
    onLost: () => void,
    scrub: ((text: string) => string) | null = null,
  ) {
    this.#job = job;
    this.#store = store;
    this.#onLost = onLost;
    this.#scrub = scrub;
  }

  /** @throws {PayloadTooLargeError} The write itself comes later, and is nobody's to await. */
  set(value: Json): void {
    const text = serialise("Progress", value, limits.progressBytesMax);
    const scrub = this.#scrub;
    this.#json = scrub ? JSON.stringify(JSON.parse(text), scrubbing(scrub)) : text;
    if (!this.#isSaving) void this.#save();
  }

  /** What is not on its way is not written any more. */
  end(): void {
    this.#json = null;
  }

  async #save(): Promise<void> {
    this.#isSaving = true;
    while (this.#json !== null) {
      const json = this.#json;
      this.#json = null;
      try {
        if (!await this.#store.saveProgress(this.#job, json)) this.#onLost();
      } catch {
        // Progress is for people; the heartbeat is what finds out about the database.
      }
    }
    this.#isSaving = false;
  }
}
