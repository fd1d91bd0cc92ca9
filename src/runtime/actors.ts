/** What clients do with actors: start them, send them events, look at them, wait, hold and end them. */
import { nameOf, rootAddress } from "../core/actor/mod.ts";
import { isRecord } from "../core/actor/envelope.ts";
import { IdempotencyConflictError } from "../core/errors.ts";
import { newId } from "../core/id.ts";
import type { ActorFilter, FailedMember } from "../store/store.ts";
import { checkEvent, checkId, noChild } from "./actor_checks.ts";
import { Desk, WAIT_MS } from "./actor_desk.ts";
import type {
  ActorAim,
  EventResult,
  SendEventOptions,
  StartOptions,
  Until,
  WaitForOptions,
} from "./actor_options.ts";
import { foreseeEvent, type Foreseen, letterOf, sendEvent } from "./actor_sending.ts";
import { beginning, seatOf, startActor } from "./actor_starting.ts";
import {
  type Actor,
  actorOf,
  type ActorPage,
  type ActorTransition,
  named,
  transitionOf,
} from "./actor_view.ts";
import { emitsOf, type Emitted } from "./actor_emits.ts";
import { waitFor } from "./actor_waiting.ts";
import { actorAt } from "./moment.ts";
import { pageOfActors } from "./paging.ts";
import { statusAgain } from "./place.ts";
import { branched, type BranchOptions } from "./branching.ts";
import type { Reason } from "./explain.ts";
import { explainActor } from "./explain_actor.ts";
import type { Turner, TurnerHost } from "./turner.ts";

export type * from "./actor_options.ts";

/** The client side of actors. */
export class Actors {
  readonly #desk: Desk;
  readonly #closing = new AbortController();

  /** Aborted when this process stops: followers go, and come back to another. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Sends followers away. */
  close(): void {
    this.#closing.abort();
  }

  constructor(host: TurnerHost, turner: Turner) {
    this.#desk = new Desk(host, turner);
  }

  /**
   * Starts an actor; once per id. The same id and input again give the actor that is there.
   *
   * @throws {UnknownMachineError | InvalidInputError} Nothing was stored.
   * @throws {IdempotencyConflictError} The id belongs to one with another machine or input.
   */
  start(options: StartOptions): Promise<{ actor: Actor; created: boolean }> {
    return startActor(this.#desk, options);
  }

  /** Checks what `start` would check, and stores nothing. @throws what `start` does. */
  checkStart(options: StartOptions): void {
    beginning(this.#desk, options);
  }

  /** Names of the machines that actors may be started of. */
  get machines(): readonly string[] {
    return this.#desk.host.machines.names;
  }

  /** Whether the schema of a machine takes an input; true where it has none, or is not known. */
  accepts(machine: string, input: unknown): boolean {
    const schema = this.#desk.host.machines.latest(machine)?.definition.schemas.input;
    return schema?.safeParse(input).success ?? true;
  }

  /**
   * Sends an event and waits for its turn.
   *
   * @throws {NotFoundError | InvalidInputError | VersionConflictError}
   * @throws {TransitionRejectedError} It has ended, or its machine refuses what it does not handle.
   */
  send(id: string, event: unknown, options: SendEventOptions = {}): Promise<EventResult> {
    return sendEvent(this.#desk, id, event, options);
  }

  /** The same: the answer comes after the event's turn. */
  ask(id: string, event: unknown, options: SendEventOptions = {}): Promise<EventResult> {
    return this.send(id, event, options);
  }

  /** Stores an event, and does not wait for its turn. Gives the id of its mail. */
  async post(id: string, event: unknown, options: SendEventOptions = {}): Promise<string> {
    checkEvent(event);
    const key = options.key ?? null;
    const view = await this.#desk.view(id, options, key);
    if (view.known !== null) return view.known;
    this.#desk.demandLive(view, event);
    const letter = letterOf(this.#desk, view, event, options);
    return await this.#desk.post(view, letter, "event", newId(), key);
  }

  /** What an event would do. Nothing is stored. */
  async foresee(id: string, event: unknown, options: ActorAim = {}): Promise<Foreseen> {
    return await foreseeEvent(this.#desk, id, event, options);
  }

  /** One actor, or as it was at a version. @throws {NotFoundError} */
  async get(tenantId: string | null, id: string, atVersion?: number): Promise<Actor> {
    const row = await this.#desk.rowOf(tenantId, id);
    const isNow = atVersion === undefined || atVersion === row.version;
    return isNow ? actorOf(row, this.#desk.host.machines) : actorAt(this.#desk, row, atVersion);
  }

  /** Milliseconds since 1970, by this process's clock. */
  now(): number {
    return this.#desk.host.clock.now();
  }

  /** One page of a tenant's actors, in the order of their addresses; `after` is a page's `next`. */
  async list(filter: ActorFilter, after: string, limit: number): Promise<ActorPage> {
    const { lines, next } = await pageOfActors(this.#desk.host, filter, after, limit);
    return { items: lines.map(named), next };
  }

  /** What it is waiting for, in order. @throws {NotFoundError} */
  async explain(tenantId: string | null, id: string): Promise<Reason[]> {
    return await explainActor(await this.#desk.rowOf(tenantId, id), this.#desk.host);
  }

  /**
   * Of a `forEach`, its jobs that gave up and its items that were refused, after a job's id.
   *
   * @throws {NotFoundError}
   */
  async failures(
    tenantId: string | null,
    id: string,
    after: string | null,
    limit: number,
  ): Promise<FailedMember[]> {
    const row = await this.#desk.rowOf(tenantId, id);
    return await this.#desk.host.store.members.failures(row.tenantId, row.id, after, limit);
  }

  /** Its steps after a version, or its newest ones (null), ascending. @throws {NotFoundError} */
  async history(
    tenantId: string | null,
    id: string,
    after: number | null,
    limit: number,
  ): Promise<ActorTransition[]> {
    const row = await this.#desk.rowOf(tenantId, id);
    const from = after ?? Math.max(0, row.version - limit);
    const steps = await this.#desk.host.store.actors.history(row, from, row.version, limit, false);
    return steps.map(transitionOf);
  }

  /**
   * Resolves when it is, or since the call has been, as wanted; null: not in time, it has ended
   * otherwise, or this process stops.
   */
  wait(
    tenantId: string | null,
    id: string,
    until: Until,
    options: WaitForOptions = {},
  ): Promise<Actor | null> {
    const signal = AbortSignal.any([this.closing, ...options.signal ? [options.signal] : []]);
    return waitFor(this.#desk, tenantId, id, until, { ...options, signal });
  }

  /**
   * What it emits after a version, in order, and on until it has ended; 0: all that its history has.
   * Ends when `signal` does.
   */
  emits(
    tenantId: string | null,
    id: string,
    after: number,
    signal?: AbortSignal,
  ): AsyncGenerator<Emitted> {
    return emitsOf(this.#desk, tenantId, id, after, signal);
  }

  /** Asks it to end: its machine decides, by `CANCEL`; one that does not is stopped as a whole. */
  async cancel(id: string, reason: string, options: SendEventOptions = {}): Promise<Actor> {
    const view = await this.#desk.view(id, options, null);
    this.#desk.demandLive(view, { type: "CANCEL" });
    if (view.status !== "active") {
      return await this.#desk.control(id, options, (turning, now) => {
        this.#desk.demandLive(now, { type: "CANCEL" });
        turning.end("cancelled", "CANCEL", reason);
        turning.tellParent(new Error(`Cancelled: ${reason}`), now.mail);
      });
    }
    const mailId = await this.#desk.post(view, { reason }, "cancel", newId(), options.key ?? null);
    await this.#desk.turnInline(view);
    return (await this.#desk.outcome(view, mailId, view.version, WAIT_MS)).actor;
  }

  /** Steps it no more, until it is resumed. Its mail is kept; its activities and timers go on. */
  pause(id: string, options: ActorAim = {}): Promise<Actor> {
    return this.#desk.control(id, options, (turning, view) => {
      if (view.status !== "active") throw this.#desk.rejected(view, { type: "PAUSE" }, view.status);
      turning.mark("paused", "PAUSE", "client");
    });
  }

  /**
   * Steps it again, after a pause or when what it stalled on has been repaired.
   *
   * @param skip Throw away the mail it stalled on.
   */
  resume(id: string, options: ActorAim & { readonly skip?: boolean } = {}): Promise<Actor> {
    return this.#desk.control(id, options, async (turning, view) => {
      if (!["paused", "stalled", "blocked"].includes(view.status)) {
        throw this.#desk.rejected(view, { type: "RESUME" }, view.status);
      }
      const { fault } = await this.#desk.row(view);
      if (options.skip && isRecord(fault) && typeof fault.mailId === "string") {
        turning.skip(fault.mailId);
      }
      turning.mark(statusAgain(turning.snapshot), "RESUME", "client");
    });
  }

  /** Ends it now, whatever it is at. */
  terminate(id: string, reason: string, options: ActorAim = {}): Promise<Actor> {
    return this.#desk.control(id, options, (turning, view) => {
      this.#desk.demandLive(view, { type: "TERMINATE" });
      turning.end("terminated", "TERMINATE", reason);
      turning.tellParent(new Error(`Terminated: ${reason}`), view.mail);
    });
  }

  /** A new actor from a moment of this one's past. */
  async fork(
    id: string,
    options: ActorAim & BranchOptions & { readonly at: number; readonly name?: string },
  ): Promise<Actor> {
    const { store, machines } = this.#desk.host;
    const view = await this.#desk.view(id, options, null);
    if (view.parentId !== null) throw noChild("forked");
    const { name = newId() } = options;
    checkId(name);
    const newName = { tenantId: view.tenantId, id: rootAddress(name) };
    const branch = await branched(store.actors, machines, view, newName.id, options);
    const seat = {
      ...seatOf(newName.tenantId, newName.id, branch.snapshot.machine),
      machine: view.machine,
      rootMachine: view.rootMachine,
    };
    const { input } = await this.#desk.row(view);
    const origin = { actor: nameOf(view.id), version: options.at };
    const turning = this.#desk.turning(seat, { input, origin });
    turning.replace("FORK", branch, `${view.id}@${options.at}`);
    if (!await this.#desk.turner.commit(turning)) {
      throw new IdempotencyConflictError(name, name, `Actor "${name}" is there already`);
    }
    return await this.#desk.actor(newName);
  }

  /**
   * Takes it back to a moment of its past: what it has begun since is left, late results are dropped. It runs
   * from there, also if it was paused.
   */
  rewind(
    id: string,
    options: ActorAim & BranchOptions & { readonly at: number },
  ): Promise<Actor> {
    const { store, machines } = this.#desk.host;
    return this.#desk.control(id, options, async (turning, view) => {
      if (view.parentId !== null) throw noChild("rewound");
      const branch = await branched(
        store.actors,
        machines,
        view,
        view.id,
        options,
        turning.snapshot,
      );
      turning.silence();
      // A migration may lie in between: what is begun again is work of the version of then.
      const { version: machineVersion } = branch.snapshot.machine;
      const logic = machines.logicOf({ ...view, machineVersion }) ?? null;
      turning.replace("REWIND", { ...branch, logic }, `version ${options.at}`);
    });
  }
}
