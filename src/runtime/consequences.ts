/**
 * What the steps of one turn cause, gathered into what the turn commits.
 *
 * A turn has several steps and one statement, which does not see its own rows: what a later step takes
 * back (a timer set and cancelled, an activity begun and left) is taken out again here.
 */
import {
  type ActionEffect,
  type ActionMode,
  type ActionOptions,
  type ActivityOptions,
  childAddress,
  type Effect,
  type SpawnEffect,
  type TimerSetEffect,
} from "../core/actor/mod.ts";
import type { Undo } from "../core/actor/envelope.ts";
import { COMPENSATION_ATTEMPTS, compensationType } from "./compensating.ts";
import { newId, newJobId } from "../core/id.ts";
import { DEFAULT_QUEUE, type JobInsert, serialise } from "../core/job.ts";
import { DEFAULT_TIMEOUT_MS, limits } from "../core/limits.ts";
import type { ActorName, NewActivity, NewChild, SentMail, Turn } from "../store/store.ts";
import { actionType, activityType, type Logic } from "./machines.ts";
import { pinOf } from "./pins.ts";
import type { CountDefaults } from "./preparing.ts";

/** `child_id` of all members. */
const MEMBER = "";

/** Whose consequences they are. */
export interface Origin extends ActorName {
  readonly machine: string;
  readonly machineVersion: string;
  readonly machineHash: string;
  readonly logic: Logic | null;
  readonly defaults: CountDefaults;
}

/** A custom action that runs in the turn's transaction. */
export interface TransactionalAction {
  readonly type: string;
  readonly params: unknown;
  readonly exec: () => unknown;
  /** What the chart that asks for it has in its place: later in the turn the actor may be of another. */
  readonly given: ActionOptions | undefined;
}

/** Gathers. */
export class Consequences {
  readonly transactional: TransactionalAction[] = [];
  readonly #forget = new Set<string | null>();
  readonly #children: NewChild[] = [];
  readonly #left: { childId: string; gen: number }[] = [];
  #of: Origin;
  #sent: SentMail[] = [];
  #jobs: JobInsert[] = [];
  #activities: NewActivity[] = [];

  constructor(of: Origin) {
    this.#of = of;
  }

  /** What comes from now on is asked for by another machine, or by another version of it. */
  become(
    { machine, machineVersion, machineHash }: Pick<
      Origin,
      "machine" | "machineVersion" | "machineHash"
    >,
    logic: Logic | null,
  ): void {
    this.#of = { ...this.#of, machine, machineVersion, machineHash, logic };
  }

  /**
   * Takes the effects of one step.
   *
   * @param kindOf What kind of child an id was before the step.
   */
  take(
    effects: readonly Effect[],
    kindOf: (childId: string) => "activity" | "actor",
  ): void {
    // What cannot be stored is found out first: of a step that stalls nothing is carried out.
    const jobs = new Map(effects.map((effect) => [effect, this.#jobOf(effect)]));
    for (const effect of startsFirst(effects, this.#of.id)) {
      const job = jobs.get(effect);
      if (job) this.#jobs.push(job);
      switch (effect.kind) {
        case "spawn":
          if (effect.reused) break;
          if (job) this.#begin(effect, job);
          else this.#spawn(effect);
          break;
        case "stop":
          if (kindOf(effect.id) === "activity") this.#leave(effect.id, effect.gen);
          else this.#stop(effect.id, effect.gen);
          break;
        case "send":
          this.mail(effect.to, "event", { event: effect.event, from: effect.from }, effect.gen);
          break;
        case "timer.set":
          this.#arm(effect);
          break;
        case "timer.cancel":
          this.#disarm(effect.timerId);
          break;
        case "action":
          if (this.#modeOf(effect) === "transactional") this.#write(effect);
      }
    }
  }

  /** A mail that is due at once. */
  mail(
    to: string,
    kind: SentMail["kind"],
    body: unknown,
    gen: number | null = null,
    id = newId(),
  ): void {
    const rest = { delayMs: 0, timerId: null, deferred: false };
    this.#sent.push({ id, to, kind, gen, body, ...rest });
  }

  /** A mail for the actor itself, put off until it is in another state. */
  keep(id: string, body: unknown): void {
    const rest = { kind: "event", gen: null, delayMs: 0, timerId: null, deferred: true } as const;
    this.#sent.push({ id, to: this.#of.id, body, ...rest });
  }

  /** A job that undoes what was done, in this order. */
  compensate(undo: readonly Undo[]): void {
    const { id, machine } = this.#of;
    const payload = { actor: id, ...this.#pin(), undo };
    const job = this.#job(compensationType(machine), payload, {
      maxAttempts: COMPENSATION_ATTEMPTS,
      // Each part was taken, so the whole is: an actor has ended, and nobody could make it smaller.
      bytesMax: Infinity,
    });
    this.#jobs.push(job);
  }

  /** All of it. */
  gathered(): Pick<
    Turn,
    "forget" | "sent" | "children" | "jobs" | "activities" | "left"
  > {
    return {
      forget: [...this.#forget],
      sent: this.#sent,
      children: this.#children,
      jobs: this.#jobs,
      activities: this.#activities,
      left: this.#left,
    };
  }

  /** Members of this incarnation that are still under way shall end. */
  leaveMembers(gen: number): void {
    if (this.#left.some(({ childId }) => childId === MEMBER)) return;
    this.#left.push({ childId: MEMBER, gen });
  }

  /** The job that an effect asks for, if it does. @throws {PayloadTooLargeError} */
  #jobOf(effect: Effect): JobInsert | null {
    const { id, machine } = this.#of;
    if (effect.kind === "spawn" && effect.logic === "activity" && !effect.reused) {
      const { id: activity, gen, src, input } = effect;
      const { maxAttempts, timeoutMs } = this.#optionsOf(src);
      const payload = { actor: id, activity, gen, src, ...this.#pin(), input };
      return this.#job(activityType(machine, src), payload, { maxAttempts, timeoutMs });
    }
    if (effect.kind !== "action" || this.#modeOf(effect) !== "outbox") return null;
    const { type, params, place } = effect;
    const payload = { actor: id, ...this.#pin(), type, params, ...place() };
    return this.#job(actionType(machine), payload, {});
  }

  #optionsOf(src: string): ActivityOptions {
    return this.#of.logic?.definition?.actors[src] ?? {};
  }

  #modeOf({ type, named }: ActionEffect): ActionMode | "inline" {
    return this.#of.logic?.definition?.modeOf(type, named) ?? "inline";
  }

  #write(effect: ActionEffect): void {
    const given = this.#of.logic?.definition?.actions[effect.type];
    this.transactional.push({ ...effect, given });
  }

  /** The work of an activity starts. */
  #begin({ id: childId, gen, src }: SpawnEffect, { id: jobId }: JobInsert): void {
    const parks = this.#optionsOf(src).onExhausted === "park";
    this.#activities.push({ jobId, childId, gen, src, parks });
  }

  #leave(childId: string, gen: number): void {
    const begun = this.#activities.find((each) => each.childId === childId && each.gen === gen);
    if (!begun) {
      this.#left.push({ childId, gen });
      return;
    }
    this.#activities = this.#activities.filter((each) => each !== begun);
    this.#jobs = this.#jobs.filter((job) => job.id !== begun.jobId);
  }

  #spawn({ id, gen, src, input, systemId, sync }: SpawnEffect): void {
    const address = childAddress(this.#of.id, id);
    const machine = childAddress(this.#of.machine, src);
    this.#children.push({ id: address, uid: newId(), systemId: systemId ?? null, machine });
    const version = this.#of.machineVersion;
    const start = { gen, sync, input, machine, version, systemId: systemId ?? null };
    this.mail(address, "start", start);
  }

  #stop(childId: string, gen: number): void {
    this.mail(childAddress(this.#of.id, childId), "stop", { gen });
  }

  #arm({ timerId, to, toGen, event, from, delayMs }: TimerSetEffect): void {
    this.#disarm(timerId);
    const body = { event, from };
    const gen = toGen ?? null;
    const rest = { id: newId(), kind: "event", deferred: false } as const;
    this.#sent.push({ ...rest, to, delayMs, timerId, gen, body });
  }

  /** It has ended, or goes another way: what it has asked for later comes to nobody any more. */
  silence(): void {
    this.#forget.add(null);
    this.#sent = this.#sent.filter(({ timerId }) => timerId === null);
  }

  #disarm(timerId: string): void {
    this.#forget.add(timerId);
    this.#sent = this.#sent.filter((mail) => mail.timerId !== timerId);
  }

  /** The chart that is to do it. */
  #pin(): { version: string; hash: string } {
    const { machineVersion: version, machineHash, logic } = this.#of;
    return { version, hash: logic?.definition?.hash ?? machineHash };
  }

  #job(
    type: string,
    payload: object,
    options: {
      maxAttempts?: number | undefined;
      timeoutMs?: number | undefined;
      bytesMax?: number;
    },
  ): JobInsert {
    const { tenantId, id, machine, logic, defaults } = this.#of;
    const chart = logic?.definition ?? { name: machine, ...this.#pin() };
    return {
      id: newJobId(tenantId),
      tenantId,
      type,
      queue: DEFAULT_QUEUE,
      partitionKey: pinOf(chart),
      orderingKey: null,
      onDead: "block",
      limitKey: null,
      priority: 0,
      maxAttempts: options.maxAttempts ?? defaults.maxAttempts,
      maxCrashes: defaults.maxCrashes,
      timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      delayMs: null,
      runAt: null,
      payloadJson: serialise("Payload", payload, options.bytesMax ?? limits.payloadBytesMax),
      idempotencyKey: null,
      backoff: null,
      tags: null,
      metadataJson: JSON.stringify({ actor: id }),
      clonedFrom: null,
    };
  }
}

/**
 * What is sent to a child before it is asked for lies in its mailbox behind its start: an address that had another
 * child before would read it as that one, and drop it as mail for somebody else.
 */
function startsFirst(effects: readonly Effect[], address: string): readonly Effect[] {
  const unborn = new Set<string>();
  for (const each of effects) {
    if (each.kind === "spawn") unborn.add(placeOf(childAddress(address, each.id), each.gen));
  }
  if (unborn.size === 0) return effects;
  const ordered: Effect[] = [];
  let early: { readonly to: string; readonly effect: Effect }[] = [];
  for (const effect of effects) {
    const to = receiverOf(effect);
    if (to !== null && unborn.has(to)) {
      early.push({ to, effect });
      continue;
    }
    ordered.push(effect);
    if (effect.kind !== "spawn") continue;
    const born = placeOf(childAddress(address, effect.id), effect.gen);
    unborn.delete(born);
    ordered.push(...early.filter((each) => each.to === born).map((each) => each.effect));
    early = early.filter((each) => each.to !== born);
  }
  return ordered;
}

/** The incarnation that an effect is mail for; null: none, or whichever there is. */
function receiverOf(effect: Effect): string | null {
  if (effect.kind === "send") return placeOf(effect.to, effect.gen);
  return effect.kind === "timer.set" ? placeOf(effect.to, effect.toGen) : null;
}

function placeOf(address: string, gen: number | undefined): string {
  return `${address} ${gen}`;
}

/** An effect as the history keeps it. */
export function described(effect: Effect): object {
  if (effect.kind !== "action") return effect;
  const { exec: _, place: _place, ...rest } = effect;
  return rest;
}
