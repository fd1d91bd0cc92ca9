/**
 * One turn of one actor, in memory: mail in, and in the end everything that is to be committed.
 *
 * Pure but for what the machine's own code does. A mail that cannot be stepped stalls or blocks the
 * actor and stays in its mailbox; what was read before it in the turn is committed all the same.
 */
import { OPEN } from "../../machines/for_each.ts";
import { type ActorSnapshot, type Effect, idOf, type StepResult, stop } from "../core/actor/mod.ts";
import { sourcesOf } from "../core/actor/sources.ts";
import type { ActorStatus, Letterbox, Turn } from "../store/store.ts";
import { withUndo } from "./compensating.ts";
import { Consequences, type TransactionalAction } from "./consequences.ts";
import { type Fault, Ledger, type Remarks, type Seat, storableFault } from "./ledger.ts";
import { byHand, errorEvent, fieldsOf, type Incoming, incomingOf, typeOf } from "./letters.ts";
import type { Logic, Machines } from "./machines.ts";
import { isEnded, statusOf } from "./place.ts";
import type { CountDefaults } from "./preparing.ts";
import { type Incarnation, type Read, Reader, type Reading } from "./reading.ts";
import { type Stepping, stepWith } from "./stepping.ts";
import type { Birth, Replacement, TurningOptions } from "./turning_options.ts";
import { Undoing } from "./undoing.ts";

/** A turn being made. */
export class Turning implements Read {
  #seat: Seat;
  #logic: Logic | null;
  readonly #machines: Pick<Machines, "logicOf"> | null;
  readonly #birth: Birth | null;
  readonly #ledger: Ledger;
  readonly #to: Consequences;
  readonly undoing: Undoing;
  readonly #reader = new Reader(this);
  readonly #keys: { key: string; mailId: string | null }[] = [];
  #fault: Fault | null = null;
  #systemId: string | null = null;
  #machine: string | null = null;
  #offers = false;

  /** @param logic Null where nothing is to be stepped: a stop needs no machine. */
  constructor(
    readonly seatBefore: Seat,
    logic: Logic | null,
    defaults: CountDefaults,
    { birth = null, machines = null }: TurningOptions = {},
  ) {
    this.#seat = seatBefore;
    this.#logic = logic;
    this.#machines = machines;
    this.#birth = birth;
    this.#ledger = new Ledger(seatBefore, logic);
    this.#to = new Consequences({ ...seatBefore, logic, defaults });
    this.undoing = new Undoing(this.#ledger, this.#to);
  }

  /** Nothing more may be taken: it has stalled or is blocked. */
  get isOver(): boolean {
    return this.#reader.isOver;
  }

  /** What the actor is: as before the turn, or as its incarnation that begins in it. */
  get seat(): Seat {
    return this.#seat;
  }

  get version(): number {
    return this.#ledger.version;
  }

  get snapshot(): ActorSnapshot | null {
    return this.#ledger.snapshot;
  }

  get status(): ActorStatus {
    return this.#ledger.status;
  }

  get state(): string {
    return this.#ledger.state;
  }

  /** Actions that need the turn's transaction. */
  get transactional(): readonly TransactionalAction[] {
    return this.#to.transactional;
  }

  /** Nothing has been taken. */
  get isEmpty(): boolean {
    return this.#ledger.steps.length === 0 && this.#reader.read.size === 0;
  }

  /** The first step of an actor. @throws {InvalidInputError | ActorStalledError} */
  begin(input: unknown, cause: string | null): void {
    const result = this.step({ address: this.seat.id, input, registry: this.seat.registry });
    this.settle(result, { ...byHand(cause), event: { type: "START", input } }, "START");
  }

  /** Takes the mail of a view, in order, until something stops it. */
  takeAll(mail: readonly Letterbox[]): void {
    this.#reader.readAll(mail);
  }

  /** Of the mail of one that does not run, only what its parent stops it by. */
  takeStops(mail: readonly Letterbox[]): void {
    this.#reader.readStops(mail);
  }

  /** An event from outside that is in no mailbox. Throws what would stall the actor. */
  offer(event: unknown, mailId: string, key: string | null): Reading {
    const before = this.state;
    const incoming = { id: mailId, event, cause: "client", gen: null };
    const reading = this.settle(this.stepMail(incoming), incoming);
    if (key !== null) this.#keys.push({ key, mailId });
    if (this.state !== before) this.#reader.offerAgain();
    return reading;
  }

  /** It may put one more event off. */
  get mayDefer(): boolean {
    return this.#reader.mayDefer;
  }

  /** Puts an event off that the machine does not handle now. */
  defer(event: unknown, mailId: string, key: string | null, reason: string | null): void {
    const incoming = { id: mailId, event, cause: "client", gen: null };
    this.record(typeOf(event), incoming, "deferred", { reason });
    this.#to.keep(mailId, { event });
    if (key !== null) this.#keys.push({ key, mailId });
  }

  /** Ends it from outside: its children and activities are stopped, its timers forgotten. */
  end(status: "cancelled" | "terminated", event: string, cause: string | null): void {
    const before = this.snapshot;
    this.#leaveMembers();
    if (before) {
      const { snapshot, effects } = stop(before);
      this.#carryOut(effects, before);
      this.silence();
      this.#ledger.snapshot = withUndo(null, before, null, snapshot);
      const isWhole = status === "cancelled" && event === "CANCEL";
      if (isWhole) this.undoing.waitFor(this.#logic?.definition ?? null, before);
      this.#ledger.status = status;
      this.record(event, byHand(cause), status, { effects, before });
      if (isWhole) this.undoing.all(cause);
    } else {
      this.#ledger.status = status;
      this.record(event, byHand(cause), status);
    }
    this.#fault = null;
    this.#offers = true;
  }

  /** An event was refused: it may be sent again with its key. */
  freeKey(key: string): void {
    this.#keys.push({ key, mailId: null });
  }

  /** Jobs that it has by number alone: in the commit that ends it they are marked to end. */
  #leaveMembers(): void {
    const machine = this.#logic?.definition?.machine;
    if (!machine || !sourcesOf(machine).has(OPEN)) return;
    this.#to.leaveMembers(this.snapshot?.birth?.gen ?? 0);
  }

  /**
   * Its parent waits for an end, and gets an error.
   *
   * @param mail Of one that has not begun: its start, which is not read any more.
   */
  tellParent(error: unknown, mail: readonly Letterbox[] = []): void {
    const birth = this.#unborn(mail) ?? this.snapshot?.birth;
    if (!birth) return;
    const childId = idOf(this.seat.id, birth.parent);
    const event = errorEvent(childId, error);
    this.#to.mail(birth.parent, "event", { event, from: { childId, gen: birth.gen } });
  }

  /** What it would have been born as. */
  #unborn(mail: readonly Letterbox[]): { parent: string; gen: number } | undefined {
    const { parentId: parent } = this.seat;
    const starts = mail.filter(({ kind }) => kind === "start");
    const last = starts.at(-1);
    if (parent === null || !last) return undefined;
    const gen = Number(fieldsOf(last).gen);
    if (gen <= (this.snapshot?.birth?.gen ?? 0)) return undefined;
    for (const { id } of starts) this.skip(id);
    return { parent, gen };
  }

  /** Throws away what was put off of these types, and says so. Gives the rest. */
  forget(mail: readonly Letterbox[], types: readonly string[]): readonly Letterbox[] {
    const gone = mail.filter(({ deferred, body }) =>
      deferred && types.includes(typeOf(Object(body).event))
    );
    for (const letter of gone) {
      const incoming = incomingOf(letter);
      this.record(typeOf(incoming.event), incoming, "unhandled", { reason: "forgotten" });
      this.skip(letter.id);
    }
    return mail.filter((letter) => !gone.includes(letter));
  }

  /** Throws a mail away that no step can read. */
  skip(mailId: string): void {
    this.#reader.read.add(mailId);
  }

  /** Another status, and nothing else. */
  mark(status: ActorStatus, event: string, cause: string | null, fault: Fault | null = null): void {
    this.#ledger.status = status;
    this.#fault = fault && storableFault(fault);
    this.#offers = status === "active" || isEnded(status);
    this.record(event, byHand(cause), status);
  }

  /** Another snapshot in place of this one, with what it takes to get there. */
  replace(
    event: string,
    { snapshot, effects, putAgain = [], mail = [], logic }: Replacement,
    cause: string | null,
  ): void {
    const before = this.snapshot;
    const from = before && this.state;
    if (logic !== undefined) {
      const { version: machineVersion, hash: machineHash } = snapshot.machine;
      this.#to.become({ machine: this.seat.machine, machineVersion, machineHash }, logic);
    }
    this.#carryOut(effects, before ?? snapshot);
    for (const { mailId, event } of putAgain) {
      this.#to.mail(this.seat.id, "event", { event }, null, mailId);
    }
    for (const body of mail) this.post(body);
    this.#ledger.snapshot = snapshot;
    this.#ledger.status = statusOf(snapshot);
    this.#ledger.place();
    this.#fault = null;
    this.#offers = true;
    const remarks = { effects: [...effects, ...putAgain], before, from, isWhole: true };
    this.record(event, byHand(cause), "replaced", remarks);
  }

  /** What it has asked for later, for others, comes no more. Its own timers its snapshot tells of. */
  silence(): void {
    if ((this.snapshot?.gens.timer ?? 0) > 0) this.#to.silence();
  }

  /** Mail to itself, from outside. */
  post(body: unknown): void {
    this.#to.mail(this.seat.id, "event", body);
  }

  finish(): Turn {
    const { seat } = this;
    if (isEnded(this.status)) this.#leaveMembers();
    const { snapshot, version, status, state, tags, steps } = this.#ledger;
    const identity = snapshot?.machine;
    const isChild = seat.parentId !== null;
    return {
      tenantId: seat.tenantId,
      id: seat.id,
      expected: this.#birth ? null : seat.version,
      ...{ version, status, state, tags, snapshot, steps },
      machine: this.#birth ? seat.machine : this.#machine,
      systemId: isEnded(status) ? "" : this.#systemId,
      fault: this.#fault,
      // A child ships with its root: the version is the root's.
      machineVersion: isChild ? seat.machineVersion : identity?.version ?? seat.machineVersion,
      machineHash: identity?.hash ?? seat.machineHash,
      offers: this.#offers,
      birth: this.#birth && { ...this.#birth, uid: seat.uid, rootMachine: seat.rootMachine },
      read: [...this.#reader.read],
      putOff: [...this.#reader.putOff],
      keys: this.#keys,
      ...this.#to.gathered(),
    };
  }

  /** Writes a row of its history. */
  record(event: string, incoming: Incoming, outcome: string, remarks: Remarks = {}): void {
    this.#ledger.record(event, incoming, outcome, remarks);
  }

  /** Another incarnation: it is what its parent starts now, of the version that the parent is of. */
  become({ machine, version, systemId }: Incarnation): void {
    this.#machine = machine;
    this.#systemId = systemId;
    const named = machine === null ? this.#seat : { ...this.#seat, machine };
    const next = version === null ? named : { ...named, machineVersion: version };
    // Where its parent's version is not here, the one that it had has to do.
    this.#seat = this.#machines?.logicOf(next) ? next : named;
    if (this.#machines) this.#logic = this.#machines.logicOf(this.#seat) ?? null;
    this.#ledger.become(this.#logic);
    this.#to.become(this.#seat, this.#logic);
  }

  /** Its machine puts off what it does not handle. */
  get defers(): boolean {
    return this.#logic?.definition?.unhandled === "defer";
  }

  /** A mail, stepped. Nothing has changed yet. */
  stepMail({ event, from }: Incoming): StepResult {
    const { id, registry } = this.seat;
    return this.step({ address: id, snapshot: this.snapshot, event, from, registry });
  }

  /** One step. Nothing has changed yet. */
  step(input: Stepping): StepResult {
    return stepWith(this.#logic, input);
  }

  /** Takes what a step has given. */
  settle(result: StepResult, incoming: Incoming, first?: "START"): Reading {
    const { outcome, reason = null, effects, snapshot } = result;
    const before = this.snapshot;
    this.#carryOut(effects, before ?? snapshot);
    const from = first ? null : this.state;
    const isStill = isEnded(this.status) && !first;
    const definition = this.#logic?.definition ?? null;
    this.#ledger.snapshot = outcome === "handled"
      ? withUndo(definition, before, incoming.event, snapshot)
      : withUndo(null, before, null, snapshot);
    if (!isStill) this.#ledger.status = statusOf(snapshot);
    if (!isStill && isEnded(this.status)) this.silence();
    const hasFailed = !isStill && this.status === "error";
    if (hasFailed) this.undoing.waitFor(definition, before);
    this.#ledger.place();
    const remarks = { effects, before: first ? null : before, reason, from };
    this.record(first ?? typeOf(incoming.event), incoming, outcome, remarks);
    if (hasFailed) this.undoing.all("error");
    return { outcome, reason };
  }

  #carryOut(effects: readonly Effect[], { children = {} }: ActorSnapshot): void {
    const machine = this.#logic?.definition?.machine;
    const kindOf = (childId: string) => {
      const src = children[childId]?.src ?? "";
      const isWork = machine && sourcesOf(machine).get(src)?.kind === "activity";
      return isWork ? "activity" : "actor";
    };
    this.#to.take(effects, kindOf);
  }
}
