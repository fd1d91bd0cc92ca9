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
  readonly logic: AnyActorLogic;
  readonly kind: "machine" | "transition" | "activity";
  readonly input: string;
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
  readonly emitted: unknown[] = [];
  readonly logged: unknown[] = [];
  readonly ran: string[] = [];
  readonly outcomes: Outcome[] = [];
  readonly effects: Effect[] = [];
  steps = 0;
  now = 0;
  #timers: Timer[] = [];
  #seq = 0;

  /** Starts a root. */
  start(address: string, logic: AnyStateMachine, input?: unknown): this {
    this.#begin({ address, id: address, gen: 1, logic, input: text(input), kind: "machine" });
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

  #begin(
    given: Pick<Row, "address" | "id" | "gen" | "logic" | "input" | "kind"> & {
      parent?: Row;
      sync?: boolean;
    },
  ): void {
    const { sync = false, parent, ...rest } = given;
    const row: Row = {
      ...rest,
      parent,
      snapshot: "",
      status: "active",
      mail: [],
      busy: true,
    };
    this.rows.set(row.address, row);
    if (row.kind !== "activity") {
      const { address, gen } = row;
      const input = JSON.parse(row.input);
      this.#commit(
        row,
        step(row.logic, {
          address,
          input,
          registry: this.registry,
          ...parent && { parent: parent.address, gen, sync },
        }),
      );
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
        );
      }
    }
    row.busy = false;
  }

  #commit(row: Row, result: StepResult): void {
    this.steps++;
    this.outcomes.push(result.outcome);
    row.snapshot = JSON.stringify(result.snapshot);
    row.first ??= result.snapshot.value;
    row.status = result.status;
    // Of the step's own actor nothing waits any more; its report to the parent is among the effects.
    if (row.status !== "active") this.#clear(row);
    for (const effect of result.effects) this.#apply(row, effect);
  }

  #apply(row: Row, effect: Effect): void {
    this.effects.push(effect);
    switch (effect.kind) {
      case "send": {
        const { to, gen, event, from } = effect;
        this.#deliver(this.#incarnation(to, gen), { event, ...from && { from } });
        break;
      }
      case "timer.set": {
        const { timerId, to, toGen, event, from, delayMs } = effect;
        this.#drop(row, timerId);
        this.#timers.push({
          owner: row,
          timerId,
          to: this.#incarnation(to, toGen),
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
        this.emitted.push(decode(effect.event));
        break;
      case "log":
        this.logged.push(decode(effect.value));
        break;
      case "action":
        this.ran.push(effect.type);
        effect.exec();
        break;
      case "stop": {
        const child = this.rows.get(childAddress(row.address, effect.id));
        if (child?.gen !== effect.gen || child.status !== "active") break;
        child.mail.push("stop");
        if (!child.busy) this.#pump(child);
        break;
      }
      case "spawn":
        this.#spawn(row, effect);
    }
  }

  #spawn(parent: Row, { id, gen, src, logic: kind, input, systemId, sync }: SpawnEffect): void {
    const address = childAddress(parent.address, id);
    const logic = sourcesOf(parent.logic as AnyStateMachine).get(src)?.logic;
    if (!logic) throw new Error(`No source ${src}`);
    if (systemId !== undefined) this.registry[systemId] = address;
    this.#begin({ address, id, gen, parent, logic, kind, sync, input: JSON.stringify(input) });
  }

  #incarnation(address: string, gen: number | undefined): Row | undefined {
    const row = this.rows.get(address);
    return gen === undefined || row?.gen === gen ? row : undefined;
  }

  #settle(address: string, mailOf: (name: { id: string; gen: number }) => Mail): this {
    const row = this.rows.get(address);
    if (row?.kind !== "activity" || row.status !== "active") throw new Error(`No work ${address}`);
    row.status = "done";
    this.#deliver(row.parent, mailOf(row));
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
      if (address === row.address) delete this.registry[systemId];
    }
  }

  #drop(owner: Row, timerId: string): void {
    this.#timers = this.#timers.filter((t) => t.owner !== owner || t.timerId !== timerId);
  }
}

function text(value: unknown): string {
  return JSON.stringify(encode(value));
}
