/**
 * A host for actors, as small as one can be: what a store does with the effects of `step`, in memory.
 *
 * Every snapshot, event and input is kept as a JSON text, so that each macrostep is a whole round
 * trip and nothing else survives between two of them. Time is simulated. Mail is delivered the way a
 * live actor system does it (an idle actor at once, a busy one in its turn), so that the two can be
 * compared step by step.
 */
import type { AnyActorLogic, AnyStateMachine } from "xstate";
import {
  type ActorSnapshot,
  childAddress,
  decode,
  doneMail,
  type Effect,
  encode,
  errorMail,
  type Mail,
  type Outcome,
  type SpawnEffect,
  step,
  type StepResult,
  stop,
} from "../../../src/core/actor/mod.ts";
import { sourcesOf } from "../../../src/core/actor/sources.ts";

/** Mail as it is stored; `stop` is a control message that keeps its place in the order. */
type Stored = { readonly json: string } | "stop";

/** One incarnation of one actor. */
export interface Row {
  readonly address: string;
  readonly id: string;
  readonly gen: number;
  readonly parent: Row | undefined;
  /** By id and generation: another incarnation of this actor has children of the same names. */
  readonly children: Map<string, Row>;
  readonly logic: AnyActorLogic;
  readonly kind: "machine" | "transition" | "activity";
  readonly input: string;
  readonly sync: boolean;
  snapshot: string;
  /** The value after the first step. */
  first?: unknown;
  status: string;
  readonly mail: Stored[];
  busy: boolean;
}

interface Timer {
  readonly owner: Row;
  readonly timerId: string;
  readonly to: Row | undefined;
  readonly json: string;
  readonly at: number;
  readonly seq: number;
}

/** What is compared with a live run, and looked at by tests. */
export class World {
  /** The live incarnation at each address. */
  readonly rows = new Map<string, Row>();
  readonly registry: Record<string, string> = {};
  readonly emitted: { readonly address: string; readonly event: unknown }[] = [];
  readonly logged: unknown[] = [];
  readonly ran: string[] = [];
  readonly outcomes: Outcome[] = [];
  readonly effects: Effect[] = [];
  steps = 0;
  now = 0;
  /** Called after each step, once its effects have been applied. */
  trace: (line: string) => void = () => {};
  #timers: Timer[] = [];
  #seq = 0;

  /** Starts a root. */
  start(address: string, logic: AnyStateMachine, input?: unknown): this {
    const common = { gen: 1, parent: undefined, sync: false, kind: "machine" } as const;
    this.#begin(this.#create({ address, id: address, logic, input: text(input), ...common }));
    return this;
  }

  /** Sends an event from outside. */
  send(address: string, event: { type: string; [key: string]: unknown }): this {
    this.#deliver(this.rows.get(address), { event: encode(event) as Mail["event"] });
    return this;
  }

  /** Ends the work of a running activity. */
  complete(address: string, output: unknown): this {
    return this.#settle(address, (name) => doneMail(name, output));
  }

  /** The work of an activity has failed for good. */
  fail(address: string, error: unknown): this {
    return this.#settle(address, (name) => errorMail(name, error));
  }

  /** Lets time pass; timers fire in order. */
  advance(ms: number): this {
    const end = this.now + ms;
    for (;;) {
      this.#timers.sort((a, b) => a.at - b.at || a.seq - b.seq);
      const timer = this.#timers[0];
      if (!timer || timer.at > end) break;
      this.#timers.shift();
      this.now = timer.at;
      this.#deliver(timer.to, JSON.parse(timer.json));
    }
    this.now = end;
    return this;
  }

  /** Delivers mail as it is: for late, doubled and forged ones. */
  deliver(address: string, mail: Mail): this {
    this.#deliver(this.rows.get(address), mail);
    return this;
  }

  snapshot(address: string): ActorSnapshot {
    const row = this.rows.get(address);
    if (!row) throw new Error(`No actor ${address}`);
    return JSON.parse(row.snapshot);
  }

  firstValue(address: string): unknown {
    return this.rows.get(address)?.first;
  }

  context(address: string): unknown {
    return decode(this.snapshot(address).context, "context", ({ address }) => ({ ref: address }));
  }

  get timers(): { owner: string; timerId: string; at: number }[] {
    return this.#timers.map(({ owner, timerId, at }) => ({ owner: owner.address, timerId, at }));
  }

  /** Activities that have not ended. */
  get working(): string[] {
    const rows = [...this.rows.values()];
    return rows.filter((row) => row.kind === "activity" && row.status === "active")
      .map(({ address }) => address);
  }

  /** Its row is there from the commit on; mail waits until it has made its first step. */
  #create(
    given: Pick<Row, "address" | "id" | "gen" | "logic" | "input" | "kind" | "parent" | "sync">,
  ): Row {
    const row: Row = {
      ...given,
      children: new Map(),
      snapshot: "",
      status: "active",
      mail: [],
      busy: true,
    };
    // An earlier incarnation that still reads its mail does not give its children the address.
    const { parent } = row;
    if (!parent || this.rows.get(parent.address) === parent) this.rows.set(row.address, row);
    parent?.children.set(`${row.id} ${row.gen}`, row);
    return row;
  }

  #begin(row: Row): void {
    const { address, gen, parent, sync } = row;
    if (row.kind !== "activity") {
      const family = parent && { parent: parent.address, gen, sync };
      const input = JSON.parse(row.input);
      this.#commit(row, step(row.logic, { address, input, registry: this.registry, ...family }));
    }
    this.#pump(row);
  }

  #deliver(row: Row | undefined, mail: Mail): void {
    if (!row || row.status !== "active") return;
    row.mail.push({ json: JSON.stringify(mail) });
    if (!row.busy) this.#pump(row);
  }

  #pump(row: Row): void {
    row.busy = true;
    for (let mail; row.status === "active" && (mail = row.mail.shift());) {
      if (mail === "stop") this.#stop(row);
      else if (row.kind !== "activity") {
        const { event, from } = JSON.parse(mail.json) as Mail;
        this.#commit(
          row,
          step(row.logic, {
            address: row.address,
            parent: row.parent?.address,
            snapshot: JSON.parse(row.snapshot),
            event,
            from,
            registry: this.registry,
          }),
          event.type,
        );
      }
    }
    row.busy = false;
  }

  #commit(row: Row, result: StepResult, type = "xstate.init"): void {
    this.steps++;
    this.outcomes.push(result.outcome);
    row.snapshot = JSON.stringify(result.snapshot);
    row.first ??= result.snapshot.value;
    row.status = result.status;
    // Of the step's own actor nothing waits any more; its report to the parent is among the effects.
    if (row.status !== "active") this.#clear(row);
    for (const effect of result.effects) if (effect.kind === "spawn") this.#spawn(row, effect);
    for (const effect of result.effects) this.#apply(row, effect);
    this.trace(
      `DONE ${row.address} ${type} ${result.status} n=${Object(result.snapshot.context).n}`,
    );
  }

  #apply(row: Row, effect: Effect): void {
    this.effects.push(effect);
    switch (effect.kind) {
      case "send": {
        const { to, gen, event, from } = effect;
        this.#deliver(this.#receiver(row, to, gen), { event, ...from && { from } });
        break;
      }
      case "timer.set": {
        const { timerId, to, toGen, event, from, delayMs } = effect;
        this.#drop(row, timerId);
        this.#timers.push({
          owner: row,
          timerId,
          to: this.#receiver(row, to, toGen),
          json: JSON.stringify({ event, ...from && { from } }),
          at: this.now + delayMs,
          seq: this.#seq++,
        });
        break;
      }
      case "timer.cancel":
        this.#drop(row, effect.timerId);
        break;
      case "emit":
        this.emitted.push({ address: row.address, event: decode(effect.event) });
        break;
      case "log":
        this.logged.push(decode(effect.value));
        break;
      case "action":
        this.ran.push(effect.type);
        effect.exec();
        break;
      case "stop": {
        const child = row.children.get(`${effect.id} ${effect.gen}`);
        if (child?.status !== "active") break;
        child.mail.push("stop");
        if (!child.busy) this.#pump(child);
        break;
      }
      case "spawn": {
        const child = row.children.get(`${effect.id} ${effect.gen}`);
        if (child) this.#begin(child);
      }
    }
  }

  #spawn(parent: Row, { id, gen, src, logic: kind, input, systemId, sync }: SpawnEffect): void {
    const address = childAddress(parent.address, id);
    const logic = sourcesOf(parent.logic as AnyStateMachine).get(src)?.logic;
    if (!logic) throw new Error(`No source ${src}`);
    if (systemId !== undefined) this.registry[systemId] = address;
    this.#create({ address, id, gen, parent, logic, kind, sync, input: JSON.stringify(input) });
  }

  /** Relatives by row, everybody else by address: an address outlives an incarnation. */
  #receiver(from: Row, address: string, gen: number | undefined): Row | undefined {
    if (address === from.address) return from;
    if (address === from.parent?.address) return from.parent;
    if (gen === undefined) return this.rows.get(address);
    const own = [...from.children.values()].find((row) => {
      return row.address === address && row.gen === gen;
    });
    return own ?? (this.rows.get(address)?.gen === gen ? this.rows.get(address) : undefined);
  }

  #settle(address: string, mailOf: (name: { id: string; gen: number }) => Mail): this {
    const row = this.rows.get(address);
    if (row?.kind !== "activity" || row.status !== "active") throw new Error(`No work ${address}`);
    const mail = mailOf(row);
    row.status = mail.event.type.startsWith("xstate.error.") ? "error" : "done";
    this.#clear(row);
    this.#deliver(row.parent, mail);
    return this;
  }

  #stop(row: Row): void {
    row.status = "stopped";
    this.#clear(row);
    if (row.kind === "activity") return;
    const { snapshot, effects } = stop(JSON.parse(row.snapshot));
    row.snapshot = JSON.stringify(snapshot);
    for (const effect of effects) this.#apply(row, effect);
  }

  /** Timers and system ids of an actor that has ended. */
  #clear(row: Row): void {
    this.#timers = this.#timers.filter(({ owner }) => owner !== row);
    for (const [systemId, address] of Object.entries(this.registry)) {
      const isOwn = address === row.address && this.rows.get(address) === row;
      if (isOwn) delete this.registry[systemId];
    }
  }

  #drop(owner: Row, timerId: string): void {
    this.#timers = this.#timers.filter((t) => t.owner !== owner || t.timerId !== timerId);
  }
}

function text(value: unknown): string {
  return JSON.stringify(encode(value));
}
