/** What all calls about actors are made of: read, check the version, commit, wait for an answer. */
import { addressesOf, nameOf } from "../core/actor/mod.ts";
import {
  ForbiddenError,
  NotFoundError,
  TransitionRejectedError,
  UnavailableError,
  VersionConflictError,
} from "../core/errors.ts";
import type { ActorName, ActorView, Turn } from "../store/store.ts";
import type { ActorAim, EventResult } from "./actor_options.ts";
import { acceptsOf, type Actor, actorOf } from "./actor_view.ts";
import type { Seat } from "./ledger.ts";
import { typeOf } from "./letters.ts";
import { isOwn } from "./own_machines.ts";
import { isEnded } from "./place.ts";
import { MAIL_PER_ACTOR, type Turner, type TurnerHost } from "./turner.ts";
import type { Reading } from "./reading.ts";
import { Turning } from "./turning.ts";

/** How often a change is made again when somebody was faster. */
export const TRIES = 5;
/** How long a caller waits by default. */
export const WAIT_MS = 30_000;
const POLL_MS_MIN = 10;
const POLL_MS_MAX = 250;

/** The desk of one process. */
export class Desk {
  /** @param isOurs It may change actors of Perdura's own machines. */
  constructor(
    readonly host: TurnerHost,
    readonly turner: Turner,
    readonly isOurs: boolean = false,
  ) {}

  /** A turn of an actor, to be made by hand. */
  turning(seat: Seat, birth: { input: unknown; origin: unknown } | null = null): Turning {
    const { machines, defaults } = this.host;
    return new Turning(seat, machines.logicOf(seat) ?? null, defaults, { birth, machines });
  }

  /** Runs `work` after what else this process has to do with the actor by then. */
  inLine<T>(id: string, { tenantId }: ActorAim, work: () => Promise<T>): Promise<T> {
    return this.turner.lines.pass(`${tenantId ?? ""}\n${id}`, work);
  }

  /** A change that is no event: made again when somebody was faster. */
  control(
    id: string,
    options: ActorAim,
    change: (turning: Turning, view: ActorView) => void | Promise<void>,
  ): Promise<Actor> {
    return this.inLine(id, options, () => this.#change(id, options, change));
  }

  async #change(
    id: string,
    options: ActorAim,
    change: (turning: Turning, view: ActorView) => void | Promise<void>,
  ): Promise<Actor> {
    for (let tries = 0; tries < TRIES; tries++) {
      const view = await this.view(id, options, null);
      const turning = this.turning(view);
      await change(turning, view);
      if (await this.turner.commit(turning)) return await this.actor(view);
    }
    throw new UnavailableError(`Actor "${id}" is busy; send it again`);
  }

  /** Makes turns of one actor until its mail is read, or others are at it. */
  async turnInline({ tenantId, id }: ActorName): Promise<void> {
    const { actors } = this.host.store;
    for (let tries = 0; tries < TRIES; tries++) {
      const view = await actors.read(tenantId, id, MAIL_PER_ACTOR, null);
      if (!view || view.mail.length === 0 || !this.host.machines.logicOf(view)) return;
      const turning = this.turner.turn(view);
      if (!turning) return;
      await this.turner.commit(turning, view);
    }
  }

  async post(
    name: ActorName,
    body: object,
    kind: "event" | "cancel",
    mailId: string,
    key: string | null,
  ): Promise<string> {
    const { store } = this.host;
    const { tenantId, id } = name;
    for (let tries = 0; tries < TRIES; tries++) {
      const sent = await store.actors.send([{ tenantId, id, mailId, kind, key, body }]);
      store.hint({ kind: "mail", isOld: false });
      if (sent.has(mailId) || key === null) return mailId;
      const known = await store.actors.mailOfKey(name, key);
      if (known !== null) return known;
      // That event has been refused in between, and its key is free again.
    }
    throw new UnavailableError(`The key of an event for actor "${id}" is busy; send it again`);
  }

  /** What became of a mail, or `deferred` when it has not been read in time. */
  async outcome(
    name: ActorName,
    mailId: string,
    afterVersion: number,
    timeoutMs = WAIT_MS,
  ): Promise<EventResult> {
    const { store, clock } = this.host;
    const deadline = clock.monotonic() + timeoutMs;
    for (let pauseMs = POLL_MS_MIN;; pauseMs = Math.min(pauseMs * 2, POLL_MS_MAX)) {
      const fate = await store.actors.fate(name, mailId, afterVersion);
      if (fate && fate.version !== null) {
        const reading = { outcome: fate.outcome ?? "handled", reason: fate.reason };
        return { ...readingOf(reading), actor: await this.actor(name) };
      }
      // Sent again long after it was read: that is further back than is looked, or retention has passed over it.
      if (afterVersion === 0 && fate?.waits === false) {
        return { outcome: "handled", reason: "earlier", actor: await this.actor(name) };
      }
      const isWaiting = !fate || fate.status === "active";
      // Asked this way round, a time that is no number is none.
      if (!isWaiting || !(clock.monotonic() < deadline)) {
        const reason = isWaiting ? "timeout" : fate.status;
        return { outcome: "deferred", reason, actor: await this.actor(name) };
      }
      await this.pause(name, pauseMs);
    }
  }

  /** Until this process commits a turn of the actor, which it gives, or for a while. */
  pause({ tenantId, id }: ActorName, ms: number, signal?: AbortSignal): Promise<Turn | null> {
    return new Promise((done) => {
      const onAbort = () => over(null);
      signal?.addEventListener("abort", onAbort, { once: true });
      const over = (turn: Turn | null) => {
        signal?.removeEventListener("abort", onAbort);
        clearTimeout(timer);
        stop();
        done(turn);
      };
      const timer = setTimeout(() => over(null), Math.max(0, ms));
      const stop = this.turner.watch({ tenantId, id }, over);
    });
  }

  async view(id: string, aim: ActorAim, key: string | null): Promise<ActorView> {
    const { actors } = this.host.store;
    const read = (address: string) =>
      actors.read(aim.tenantId ?? null, address, MAIL_PER_ACTOR, key);
    const view = await firstOf(id, read);
    if (isOwn(view.machine) && !this.isOurs) {
      throw new ForbiddenError(`Actors of "${view.machine}" are not for clients to change`);
    }
    const expected = aim.expectVersion ?? null;
    if (expected !== null && expected !== view.version && view.known === null) {
      throw new VersionConflictError(expected, view.version, aim.conditional ?? false);
    }
    return view;
  }

  demandLive(view: ActorView, event: unknown): void {
    if (isEnded(view.status)) throw this.rejected(view, event, view.status);
  }

  rejected(
    view: Seat,
    event: unknown,
    reason: string | null,
  ): TransitionRejectedError {
    const type = typeOf(event);
    const accepts = acceptsOf(view, this.host.machines);
    const may = accepts.length > 0 ? accepts.join(", ") : "nothing";
    const where = isEnded(view.status) ? `that is ${view.status}` : `in state "${view.state}"`;
    const detail = `An actor ${where} does not accept ${type} (${reason}); it accepts ${may}`;
    return new TransitionRejectedError(view.state, view.version, type, accepts, detail);
  }

  async actor(name: ActorName): Promise<Actor> {
    return actorOf(await this.row(name), this.host.machines);
  }

  /** The row of an address. */
  async row({ tenantId, id }: ActorName) {
    const row = await this.host.store.actors.get(tenantId, id);
    if (!row) throw new NotFoundError("actor", nameOf(id));
    return row;
  }

  /** The row of what clients call an actor. */
  async rowOf(tenantId: string | null, id: string) {
    return await firstOf(id, (address) => this.host.store.actors.get(tenantId, address));
  }
}

/** What a client's name for an actor stands for. @throws {NotFoundError} */
async function firstOf<T>(name: string, read: (address: string) => Promise<T | null>): Promise<T> {
  for (const address of addressesOf(name)) {
    const found = await read(address);
    if (found) return found;
  }
  throw new NotFoundError("actor", name);
}

/** Pauses between looks: soon at first. */
export function* pauses(): Generator<number> {
  for (let ms = POLL_MS_MIN;; ms = Math.min(ms * 2, POLL_MS_MAX)) yield ms;
}

/** What a sender is told. */
export function readingOf({ outcome, reason }: Reading): Pick<EventResult, "outcome" | "reason"> {
  if (outcome === "deferred") return { outcome, reason };
  if (outcome === "handled" || outcome === "started") return { outcome: "handled", reason };
  return outcome === "cancelled"
    ? { outcome: "handled", reason }
    : { outcome: "unhandled", reason: reason ?? outcome };
}
