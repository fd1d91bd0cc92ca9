/** Where an actor stands while a turn is made, and the rows of its history that the turn adds. */
import { ActorBlockedError, type ActorSnapshot, diff, type Effect } from "../core/actor/mod.ts";
import { storableText } from "../core/json.ts";
import type { ActorStatus, ActorStep, ActorView } from "../store/store.ts";
import { described } from "./consequences.ts";
import type { Incoming } from "./letters.ts";
import type { Logic } from "./machines.ts";
import { placeOf } from "./place.ts";
import type { PutAgain } from "./put_off.ts";

/** So often the history has a whole snapshot. */
const SNAPSHOT_EVERY = 50;
const TEXT_LENGTH_MAX = 500;
const FAULT_LENGTH_MAX = 2_000;

/** What an actor is before its turn. */
export type Seat = Omit<ActorView, "mail" | "known">;

/** Why an actor is stalled or blocked: `code`, `path` and `message`, and the mail that is to blame. */
export type Fault = Readonly<Record<string, string>>;

/** An activity whose work is undone by a job. */
export interface Compensated {
  readonly kind: "compensate";
  readonly src: string;
  readonly id: string;
  readonly gen: number;
}

/** What a step of the history says beside its event and outcome. */
export interface Remarks {
  readonly reason?: string | null;
  readonly effects?: readonly (Effect | Compensated | PutAgain)[];
  /** The snapshot before; null: there was none. Undefined: it has not changed. */
  readonly before?: ActorSnapshot | null;
  readonly from?: string | null;
  readonly isWhole?: boolean;
}

/** One actor's standing. */
export class Ledger {
  readonly steps: ActorStep[] = [];
  snapshot: ActorSnapshot | null;
  version: number;
  status: ActorStatus;
  state: string;
  tags: readonly string[] = [];
  #logic: Logic | null;
  readonly #isNewDay: boolean;

  constructor(seat: Seat, logic: Logic | null) {
    this.#logic = logic;
    this.#isNewDay = seat.isNewDay;
    this.snapshot = readSnapshot(seat.snapshot);
    this.version = seat.version;
    this.status = seat.status;
    this.state = seat.state;
    if (this.snapshot && logic) this.tags = tagsOf(logic, this.snapshot);
  }

  /** From now on it stands in another chart. */
  become(logic: Logic | null): void {
    this.#logic = logic;
  }

  /** The state and tags of the snapshot as it is now. */
  place(): void {
    if (!this.#logic || !this.snapshot) return;
    const { state, tags } = placeOf(this.#logic, this.snapshot);
    this.state = state;
    this.tags = tags;
  }

  /** Writes one row. */
  record(event: string, incoming: Incoming, outcome: string, remarks: Remarks = {}): void {
    const version = ++this.version;
    const { before, effects = [], reason = null } = remarks;
    const isFirst = this.#isNewDay && this.steps.length === 0;
    const isChanged = before !== undefined && before !== null && before !== this.snapshot;
    const isWhole = remarks.isWhole || before === null || isFirst ||
      version % SNAPSHOT_EVERY === 0;
    this.steps.push({
      version,
      event: storableText(event, TEXT_LENGTH_MAX),
      from: remarks.from === undefined ? this.state : remarks.from,
      to: this.state,
      status: this.status,
      tags: this.tags,
      outcome,
      reason,
      cause: incoming.cause === null ? null : storableText(incoming.cause, TEXT_LENGTH_MAX),
      mailId: incoming.id,
      body: incoming.event,
      effects: effects.length > 0
        ? effects.map((each) => each.kind === "action" ? described(each) : each)
        : null,
      patch: isChanged ? diff(Object(before), Object(this.snapshot)) : null,
      snapshot: isWhole ? this.snapshot : null,
    });
  }
}

/** A fault of an author's words: whatever they hold, the actor has to be held up, and to go on some day. */
export function storableFault(fault: Fault): Fault {
  const texts = Object.entries(fault);
  return Object.fromEntries(
    texts.map(([key, text]) => [key, storableText(text, FAULT_LENGTH_MAX)]),
  );
}

/** Of an actor that comes from another version, the chart may not know the state. */
function tagsOf(logic: Logic, snapshot: ActorSnapshot): readonly string[] {
  try {
    return placeOf(logic, snapshot).tags;
  } catch (error) {
    if (error instanceof ActorBlockedError) return [];
    throw error;
  }
}

/** What the store gives was a snapshot when it was written; `step` checks it once more. */
function readSnapshot(stored: unknown): ActorSnapshot | null {
  return stored === null || stored === undefined ? null : Object(stored);
}
