/** Crashes where a test wants them: between this process and its database. */
import { CrashError } from "../core/errors.ts";
import { over } from "../core/over.ts";
import type { Change, Store } from "../store/store.ts";

/**
 * Where to die: before a turn's commit is sent, after it was committed, or after an activity's function
 * has returned and before its job has ended.
 */
export type CrashPoint = "before-commit" | "after-commit" | "mid-activity";

/** What blows once when its point is reached. */
export class Fuse {
  /** How often it has blown. */
  blown = 0;
  #point: CrashPoint | null = null;

  set(point: CrashPoint): void {
    this.#point = point;
  }

  /** @throws {CrashError} It was set for this point. */
  pass(point: CrashPoint): void {
    if (this.#point !== point) return;
    this.#point = null;
    this.blown++;
    throw new CrashError(`Crashed ${point}`);
  }
}

/** The store, with a fuse in its way. */
export function fused(store: Store, fuse: Fuse): Store {
  const actors = over<Store["actors"]>(store.actors, {
    async commit(worker, turnId, turns) {
      if (turns.length > 0) fuse.pass("before-commit");
      const done = await store.actors.commit(worker, turnId, turns);
      if (turns.length > 0) fuse.pass("after-commit");
      return done;
    },
    async relay(lease, relays) {
      if (relays.length > 0) fuse.pass("mid-activity");
      if (relays.length > 0) fuse.pass("before-commit");
      const relayed = await store.actors.relay(lease, relays);
      if (relays.length > 0) fuse.pass("after-commit");
      return relayed;
    },
    async transact(worker, tenantId, write, seal, capMs) {
      const sealed: typeof seal = async (send) => {
        const turn = await seal(send);
        fuse.pass("before-commit");
        return turn;
      };
      await store.actors.transact(worker, tenantId, write, sealed, capMs);
      fuse.pass("after-commit");
    },
  });
  return over<Store>(store, {
    actors,
    async commit(worker, changes) {
      const isEnding = ({ decision: { event } }: Change) => event === "SUCCEED" || event === "FAIL";
      if (changes.some(isEnding)) fuse.pass("mid-activity");
      return await store.commit(worker, changes);
    },
  });
}
