/**
 * Turns that cannot be committed: an action in their transaction throws, or PostgreSQL will not take them.
 *
 * Of such a turn nothing is kept. Which of its letters it fails on nobody can see, so they are read again
 * one by one: what comes before the culprit is committed, and the actor stalls at it, where it can be skipped.
 */
import { getLogger } from "@logtape/logtape";
import type { ActorView, Letterbox, Store, Turn } from "../store/store.ts";
import { incomingOf, inOrder, typeOf } from "./letters.ts";
import { mayStep } from "./place.ts";
import type { CountDefaults } from "./preparing.ts";
import type { Made } from "./relay_turn.ts";
import { Turning } from "./turning.ts";

const log = getLogger(["perdura", "actors"]);

/** Why a turn cannot be committed, now or later. */
export interface Failure {
  readonly code: "threw" | "refused_by_database";
  readonly message: string;
}

/** What became of a turn. Neither done nor failed: the actor has moved on. */
export interface Fate {
  readonly isDone: boolean;
  readonly failure: Failure | null;
}

/** What looking for them needs. */
export interface CulpritsHost {
  readonly store: Pick<Store, "actors">;
  readonly defaults: CountDefaults;
  readonly worker: string;
  readonly mailPerActor: number;
  readonly turn: (view: ActorView) => Turning | null;
  readonly commit: (made: Made) => Promise<Fate>;
}

/** Finds the letters that actors stall at. */
export class Culprits {
  readonly #host: CulpritsHost;

  constructor(host: CulpritsHost) {
    this.#host = host;
  }

  /** Of a turn that was made of a view. */
  async find(view: ActorView, turn: Turn, failure: Failure): Promise<void> {
    const [first, ...others] = [...turn.read, ...turn.putOff];
    const isAlone = others.length === 0 && turn.fault === null;
    if (isAlone || !mayStep(view.status)) {
      return await this.#stall(view, failure, view.mail.find(({ id }) => id === first));
    }
    const { store: { actors }, mailPerActor } = this.#host;
    for (let left = view.mail.length; left > 0; left--) {
      const now = await actors.read(view.tenantId, view.id, mailPerActor, null);
      if (!now || !await this.#readNext(now)) return;
    }
  }

  /** One letter. False: there is no more to be read here. */
  async #readNext(view: ActorView): Promise<boolean> {
    const putOff = view.mail.filter(({ deferred }) => deferred);
    const letter = inOrder(view).find(({ deferred }) => !deferred);
    if (!letter) return false;
    const { isDone, failure, turn } = await this.#commit({ ...view, mail: [...putOff, letter] });
    if (!failure || !turn) return isDone;
    if (turn.read.length > 1) {
      // It may be one that was put off till now: from here on they are letters like any other.
      const alone = await this.#commit({ ...view, mail: [letter] }, { offers: true });
      if (!alone.failure) return alone.isDone;
    }
    await this.#stall(view, failure, letter);
    return false;
  }

  async #commit(
    view: ActorView,
    change: Partial<Turn> = {},
  ): Promise<Fate & { readonly turn: Turn | null }> {
    const turning = this.#host.turn(view);
    if (!turning) return { isDone: false, failure: null, turn: null };
    const turn = { ...turning.finish(), ...change };
    return { ...await this.#host.commit({ turning, turn }), turn };
  }

  /** It is what it was before, and the letter stays in the mailbox. */
  async #stall(view: ActorView, failure: Failure, letter: Letterbox | undefined): Promise<void> {
    const { store, defaults, worker } = this.#host;
    const { id: actor, tenantId, machine } = view;
    const { code, message } = failure;
    const at = letter && { mailId: letter.id, event: typeOf(incomingOf(letter).event) };
    const turning = new Turning(view, null, defaults);
    turning.mark("stalled", "STALL", message, { code, path: "", message, ...at });
    const { done } = await store.actors.commit(worker, null, [turning.finish()]);
    // Else it has moved on, by somebody who could.
    if (done.length > 0) log.warn("An actor stalls", { actor, tenantId, machine, code });
  }
}
