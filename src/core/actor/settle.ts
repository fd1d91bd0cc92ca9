/**
 * From what the machine asked for to what is to be done: generations, timers and children are kept
 * here, and what cancels out within one step is left out.
 */
import { isStorableText, type Json } from "../json.ts";
import { limits } from "../limits.ts";
import { childAddress } from "./address.ts";
import { encode } from "./codec.ts";
import type { ChildKind, Effect, EventJson } from "./effects.ts";
import type { LiveEvent, Ref, Request } from "./engine.ts";
import type { ChildEntry, TimerEntry } from "./envelope.ts";
import { ActorStalledError, storing } from "./errors.ts";
import { refOf } from "./refs.ts";
import type { LogicKind } from "./sources.ts";

/** The id of a timer that was given none: no earlier one has it. */
const UNNAMED = /^#\d+$/;

/** What an actor has, besides its position. */
export interface Belongings {
  readonly children: ReadonlyMap<string, ChildEntry>;
  readonly timers: ReadonlyMap<string, TimerEntry>;
}

/** Settles the requests of one step, in their order. */
export class Settlement {
  readonly children: Map<string, ChildEntry>;
  readonly timers: Map<string, TimerEntry>;
  /** By place; a hole is one that was taken back. */
  readonly #effects: (Effect | undefined)[] = [];
  /** Timers set in this step, and where among the effects. */
  readonly #set = new Map<string, number>();
  /**
   * What an entry sends to a child that its own state invokes is asked for before the child is, and is the
   * first that this one reads: XState queues it until the child starts.
   */
  readonly #unborn = new Set<Ref>();
  readonly #before: Belongings;
  /** It has never set one before this step. */
  readonly #isWithoutTimers: boolean;

  /** @param self The actor that asks; a child with its incarnation. */
  constructor(
    private readonly self: Pick<Ref, "address" | "gen">,
    before: Belongings,
    private readonly gens: { timer: number },
    private readonly kindOf: (src: string) => LogicKind | undefined,
  ) {
    this.#before = before;
    this.#isWithoutTimers = gens.timer === 0;
    this.children = new Map(before.children);
    this.timers = new Map(before.timers);
  }

  /** The effects, without those that were taken back. */
  get effects(): Effect[] {
    return this.#effects.filter((effect) => effect !== undefined);
  }

  take(requests: readonly Request[]): void {
    const stillborn = stillbornOf(requests);
    for (const each of requests) if (each.kind === "spawn") this.#unborn.add(each.ref);
    for (const request of requests) {
      const about = request.kind === "send"
        ? request.to
        : "ref" in request
        ? request.ref
        : undefined;
      if (about === undefined || !stillborn.has(about)) this.#takeOne(request);
      else if (request.kind === "spawn") this.#vacate(about);
      else if (request.kind === "send") this.#replace(request);
    }
  }

  /** The actor has ended: nothing of it may go on. */
  end(): void {
    for (const [id, entry] of this.children) this.#stop(id, entry);
    for (const timerId of [...this.timers.keys(), ...this.#set.keys()]) this.#cancel(timerId);
  }

  push(effect: Effect): void {
    this.#effects.push(effect);
  }

  #takeOne(request: Request): void {
    switch (request.kind) {
      case "spawn":
        return this.#spawn(request);
      case "stop":
        return this.#stopRef(request.ref);
      case "send":
        return request.delay === undefined
          ? this.#send(request)
          : this.#arm(request, request.delay);
      case "cancel":
        return this.#cancel(request.id);
      case "emit":
        return this.push({ kind: "emit", event: this.#event(request.event) });
      case "log":
        return this.#log(request.value, request.label);
      case "action": {
        const { type, params, named, at: { event, context }, exec } = request;
        return this.push({
          kind: "action",
          type,
          params: this.#json(params, "params"),
          named,
          place: () => ({
            event: storing(() => encode(event, "event", refOf)),
            context: storing(() => encode(context, "context", refOf)),
          }),
          exec,
        });
      }
    }
  }

  /** A timer for somebody who never starts has taken the place of an earlier one. */
  #replace({ id, delay }: Request & { kind: "send" }): void {
    if (id !== undefined && delay !== undefined) this.#cancel(id);
  }

  /** Whoever has the id of a new child makes room, even for one that never starts. */
  #vacate({ child }: Ref): void {
    const old = child && this.children.get(child.id);
    if (child && old) this.#stop(child.id, old);
  }

  #spawn({ ref, input, state }: Request & { kind: "spawn" }): void {
    const { child } = ref;
    this.#unborn.delete(ref);
    if (!child) throw new ActorStalledError("unknown_source", "", "Not a child of this actor");
    const { id, gen, src, systemId, sync } = child;
    const old = this.children.get(id);
    // Entered again without an exit: XState would leave the old one running, and nobody its parent.
    if (old) this.#stop(id, old);
    const logic = this.#durableKind(src, id);
    const named = systemId === undefined ? {} : { systemId };
    const invoked = state === undefined ? {} : { state };
    this.children.set(id, { src, gen, ...named, ...sync && { sync }, ...invoked });
    const json = this.#json(input, "input");
    this.push({ kind: "spawn", id, gen, src, logic, input: json, ...named, sync });
  }

  #durableKind(src: string, id: string): ChildKind {
    const kind = this.kindOf(src);
    if (kind === "machine" || kind === "transition" || kind === "activity") return kind;
    throw new ActorStalledError(
      kind === undefined ? "unknown_source" : "not_durable",
      `children.${id}`,
      kind === undefined ? `There is no source "${src}"` : `"${src}" (${kind}) has no durable form`,
    );
  }

  #stopRef({ child }: Ref): void {
    const entry = child && this.children.get(child.id);
    if (entry?.gen === child?.gen && entry && child) this.#stop(child.id, entry);
  }

  #stop(id: string, { gen, ended }: ChildEntry): void {
    this.children.delete(id);
    if (!ended) this.push({ kind: "stop", id, gen });
  }

  #send({ to, event }: { to: Ref; event: LiveEvent }): void {
    if (this.#isGone(to)) return;
    if (event.type.startsWith("xstate.")) return this.#refuseForgery(to, event);
    this.push({ kind: "send", ...this.#receiverOf(to), event: this.#event(event) });
  }

  /** What a child tells itself is not for whoever has its address after it. */
  #receiverOf({ address, gen }: Ref): { to: string; gen?: number } {
    const wanted = gen ?? (address === this.self.address ? this.self.gen : undefined);
    return wanted === undefined ? { to: address } : { to: address, gen: wanted };
  }

  /** A child of ours, or of an earlier incarnation, that nobody will start again. */
  #isGone(ref: Ref): boolean {
    const { address, gen } = ref;
    if (gen === undefined || this.#unborn.has(ref)) return false;
    for (const [id, entry] of this.children) {
      if (childAddress(this.self.address, id) === address && entry.gen === gen) {
        return entry.ended === true;
      }
    }
    // Anything else right below this address is an earlier incarnation.
    const below = `${this.self.address}/`;
    return address.startsWith(below) && !address.slice(below.length).includes("/");
  }

  /** As when `*` forwards everything: the receiver would take it for XState's own. */
  #refuseForgery({ address }: Ref, { type }: LiveEvent): void {
    this.push({ kind: "log", label: "perdura", value: `${type} was not sent to ${address}` });
  }

  #arm({ to, event, id }: { to: Ref; event: LiveEvent; id?: string | undefined }, delay: number) {
    const gen = ++this.gens.timer;
    const timerId = id ?? `#${gen}`;
    if (this.#isGone(to)) {
      // Nobody would get it; but it has taken the place of an earlier one.
      if (id !== undefined) this.#cancel(id);
      return;
    }
    const json = this.#event(event);
    const delayMs = Math.max(0, delay);
    if (!(delayMs <= limits.delayMsMax)) {
      const reason = `${delay} is no delay in milliseconds, from 0 to ${limits.delayMsMax}`;
      throw new ActorStalledError("bad_delay", `timers.${timerId}`, reason);
    }
    const isOwn = to.address === this.self.address;
    this.#forget(timerId);
    if (isOwn) this.timers.set(timerId, { gen, delayMs, event: json });
    const { to: address, gen: toGen } = this.#receiverOf(to);
    const from = isOwn ? { from: { timerId, gen } } : {};
    const target = toGen === undefined ? {} : { toGen };
    this.#set.set(timerId, this.#effects.length);
    this.push({
      kind: "timer.set",
      timerId,
      gen,
      to: address,
      ...target,
      event: json,
      ...from,
      delayMs,
    });
  }

  /** A timer set in this step has not been set at all. */
  #forget(timerId: string): void {
    const place = this.#set.get(timerId);
    if (place !== undefined) this.#effects[place] = undefined;
    this.timers.delete(timerId);
    this.#set.delete(timerId);
  }

  #cancel(timerId: string): void {
    const isFirst = this.#set.has(timerId) && (this.#isWithoutTimers || UNNAMED.test(timerId));
    this.#forget(timerId);
    // Our own are all on the list. One of an earlier step for somebody else is not; it has a name.
    const isOwn = isFirst || timerId.startsWith("xstate.after.");
    if (!isOwn || this.#before.timers.has(timerId)) this.push({ kind: "timer.cancel", timerId });
  }

  #log(value: unknown, label: string | undefined): void {
    const named = label === undefined ? {} : { label };
    this.push({ kind: "log", value: loggable(value), ...named });
  }

  #event(event: LiveEvent): EventJson {
    const json = this.#json(event, "event");
    if (isEventJson(json)) return json;
    const { type } = event;
    if (isStorableText(type)) return { ...Object(json), type };
    const reason = "The type of an event holds neither NUL nor half of a pair";
    throw new ActorStalledError(
      "not_serialisable",
      `effects.${this.#effects.length}.event.type`,
      reason,
    );
  }

  #json(value: unknown, field: string): Json {
    return storing(() => encode(value, `effects.${this.#effects.length}.${field}`, refOf));
  }
}

/**
 * Children that are spawned and stopped in one step, or spawned and replaced: they never start, and
 * mail to them vanishes.
 */
function stillbornOf(requests: readonly Request[]): Set<Ref> {
  const stillborn = new Set<Ref>();
  const born = new Map<string, Ref>();
  for (const request of requests) {
    if (request.kind !== "spawn" && request.kind !== "stop") continue;
    const { ref } = request;
    const id = ref.child?.id ?? "";
    const earlier = born.get(id);
    if (earlier && (request.kind === "spawn" || earlier === ref)) stillborn.add(earlier);
    if (request.kind === "spawn") born.set(id, ref);
  }
  return stillborn;
}

/** A field named like the codec's mark has it wrapped, and its type with it. */
function isEventJson(json: Json): json is EventJson {
  return typeof Object(json).type === "string";
}

/** A line for people must not stop an actor. */
function loggable(value: unknown): Json {
  try {
    return encode(value, "", refOf);
  } catch {
    return String(value);
  }
}
