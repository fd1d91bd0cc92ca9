/**
 * Turns on their way to the database, and the jobs they begin on their way to the handlers.
 *
 * Single turns that arrive together travel in one statement: those that clients wait for. Alone, a turn
 * is sent at once; while statements are in flight the next ones gather. Two turns of one actor never
 * share a statement: the second was made from a version that the first one ends. Nor do those of two
 * tenants' requests: each is behind a wall of its own.
 */
import { InvalidInputError } from "../core/errors.ts";
import type { ActorStore, Committed, Store, Turn } from "../store/store.ts";
import { Batcher } from "./batcher.ts";
import type { Relays } from "./relays.ts";
import type { Made } from "./relay_turn.ts";

const BATCH_MAX = 100;
const IN_FLIGHT_MAX = 2;

/** What became of one turn. `refusal`: PostgreSQL's words. */
export interface TurnFate {
  readonly turn: Turn;
  readonly isDone: boolean;
  /** When it was committed, by the database; null: that is not known here, or it was not. */
  readonly at: Date | null;
  readonly refusal: string | null;
}

/** PostgreSQL will not take a turn, in its words: something of it can never be stored. */
export class TurnRefusedError extends InvalidInputError {
  constructor(words: string) {
    super([{ path: "", message: words }]);
  }
}

/** What committing needs. */
export interface TurnCommitsHost {
  readonly store: Pick<Store, "requester" | "within"> & {
    readonly actors: Pick<ActorStore, "commit">;
  };
  readonly worker: string;
  readonly relays: Relays;
  /** Turns are committed, and some of their jobs have started. */
  readonly onDone: (turns: readonly Turn[], started: ReadonlySet<string>) => void;
}

interface Waiting extends Made {
  /** The tenant whose request it is of; null: of none. */
  readonly requester: string | null;
  readonly resolve: (fate: TurnFate) => void;
  readonly reject: (error: unknown) => void;
}

/** Commits turns. */
export class TurnCommits {
  readonly #host: TurnCommitsHost;
  readonly #batcher: Batcher<Waiting>;

  constructor(host: TurnCommitsHost) {
    this.#host = host;
    this.#batcher = new Batcher({
      send: (batch) => this.#send(batch),
      sizeMax: BATCH_MAX,
      inFlightMax: IN_FLIGHT_MAX,
      gather: "microtask",
    });
  }

  /** Commits one turn. Rejects as `ActorStore.commit` does. */
  commit(made: Made): Promise<TurnFate> {
    const requester = this.#host.store.requester();
    return new Promise((resolve, reject) =>
      this.#batcher.add({ ...made, requester, resolve, reject })
    );
  }

  /** Commits turns of different actors in one statement. */
  async commitAll(made: readonly Made[], turnId: string | null): Promise<Committed> {
    const { store: { actors }, worker, relays, onDone } = this.#host;
    const turns = made.map(({ turn }) => turn);
    const offer = relays.offer(turns.flatMap(({ jobs }) => jobs));
    try {
      const committed = await actors.commit(worker, turnId, turns, offer);
      const done = new Set(committed.done);
      const started = new Set(committed.started.map(({ id }) => id));
      relays.note(made.filter(({ turn }) => done.has(turn)), started);
      onDone(committed.done, started);
      offer?.accept(committed.started);
      return committed;
    } catch (error) {
      offer?.withdraw(error);
      throw error;
    }
  }

  /** Never rejects. */
  async #send(batch: readonly Waiting[]): Promise<void> {
    const { store } = this.#host;
    const parts = Map.groupBy(batch, ({ requester }) => requester);
    await Promise.all(
      [...parts].map(([tenantId, part]) => store.within(tenantId, () => this.#sendPart(part))),
    );
  }

  async #sendPart(batch: readonly Waiting[]): Promise<void> {
    const [first, later] = firstOfEach(batch);
    try {
      const { done, at, refused } = await this.commitAll(first, null);
      const isDone = new Set(done);
      const words = new Map(refused.map(({ turn, message }) => [turn, message]));
      for (const { turn, resolve } of first) {
        const isIn = isDone.has(turn);
        resolve({ turn, isDone: isIn, at: isIn ? at : null, refusal: words.get(turn) ?? null });
      }
    } catch (error) {
      for (const { reject } of first) reject(error);
    }
    if (later.length > 0) await this.#sendPart(later);
  }
}

function firstOfEach(batch: readonly Waiting[]): [Waiting[], Waiting[]] {
  const seen = new Set<string>();
  const first: Waiting[] = [];
  const later: Waiting[] = [];
  for (const each of batch) {
    const name = `${each.turn.tenantId}\n${each.turn.id}`;
    (seen.has(name) ? later : first).push(each);
    seen.add(name);
  }
  return [first, later];
}
