/**
 * What a process knows of gates: which lanes have to pass some, and which of those let nobody pass now.
 *
 * It is read anew every second, and at once when a hint says that something has changed. Whatever starts
 * a job names the change that it goes by, and starts nothing once there is a newer one: so a limit that is
 * just set is obeyed by every statement that begins after it, and whatever was under way is over within
 * `UNAWARE_MS` and can be counted then. What a gate lets pass is decided by the claim alone; here is only
 * remembered when to ask again.
 */
import { type Clock, jittered, type Random } from "../core/clock.ts";
import type { DeclaredBreaker } from "../core/breaker.ts";
import { type Gate, gateId, type GateName, gatesOf, NO_LIMITS } from "../core/gate.ts";
import { Lately } from "../core/lately.ts";
import type { Closed, GateStore, Lane } from "../store/store.ts";
import { Alarm } from "./alarm.ts";
import type { Weigh } from "./fair_share.ts";
import { breakerGate } from "./breakers.ts";
import type { Glance } from "./glance.ts";
import type { Handlers } from "./handlers.ts";

const READ_MS = 1_000;
const AGE_MS_MAX = 2_500;
/** Another claim is at the gate: it takes a few milliseconds. */
const BUSY_MS = 10;
/** What is due here, and not yet in the database, is tried again no sooner. */
const SETTLE_MS_MIN = 100;
/** A gate that says it opens in no time is asked again no sooner. */
const CLOSED_MS_MIN = 5;

/** What knowing gates needs. */
export interface GatesHost {
  readonly store: GateStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly glance: Glance;
  readonly handlers: Handlers;
  readonly pollMs: number;
  /** Starts per minute of a tenant that has no rate of its own; null: any number. */
  readonly tenantRate: number | null;
  /** An open breaker has been open for long enough. */
  readonly onCooled: (gate: GateName) => Promise<void>;
  /** Something has changed, or has been counted. */
  readonly onChange: () => void;
  readonly onFailure: (error: unknown) => void;
}

/** Of lanes where nothing is set on anything. */
const NO_WAY: readonly Known[] = [];

/** A gate, and until when it is known to be closed (monotonic). */
interface Known {
  readonly gate: Gate;
  /** When it has settled, or its breaker has cooled; Infinity: neither. No answer to a claim moves it. */
  readonly dueAt: number;
  closedUntil: number;
  isOutOfSlots: boolean;
  /** When a slot of it was last given back here. */
  freedAt: number;
}

type Names = Pick<Lane, "tenantId" | "queue" | "type" | "limitKey">;

/** The gates of one process. */
export class Gates {
  readonly #host: GatesHost;
  readonly #alarm = new Alarm();
  #known = new Map<string, Known>();
  /** The way of each lane, until something changes. */
  #ways = new WeakMap<Names, readonly Known[]>();
  #hasWeights = false;
  /** Tenants of which a gate was there lately, whether anything is set on it or not. */
  readonly #opened: Lately;
  #change: string | null = null;
  /** Nothing is known, or it was cut off since: a database put back may have come to the same number again. */
  #isUnsure = true;
  #readAt = -Infinity;
  /** How often it was made invalid. */
  #voided = 0;
  #reading: Promise<void> | null = null;
  #isDeclared = false;
  readonly #hasBreakers: boolean;
  /** Else nothing has to be set before the first claim: what the code declared before is taken back behind it. */
  readonly #hasDeclared: boolean;
  #isStopping = false;

  constructor(host: GatesHost) {
    this.#host = host;
    this.#opened = new Lately(host.clock);
    this.#hasBreakers = host.handlers.values().some(({ breaker }) => breaker !== null);
    this.#hasDeclared = host.handlers.values().some(({ limits }) => limits !== null);
  }

  /** No lane has to pass anything. */
  get isNone(): boolean {
    return this.#known.size === 0 && this.#host.tenantRate === null && !this.#hasBreakers;
  }

  /** The breaker that the outcomes of a lane move, and whether successes matter to it; null: none. */
  breakerOf(lane: Names): { gate: GateName; settings: DeclaredBreaker; isClosed: boolean } | null {
    const settings = this.#host.handlers.get(lane.type)?.breaker;
    const gate = settings && breakerGate(lane, settings);
    if (!gate) return null;
    const state = this.#known.get(gateId(gate))?.gate.breaker ?? "closed";
    return { gate, settings, isClosed: state === "closed" };
  }

  /** Whether lanes may be claimed on what is known. */
  isFresh(): boolean {
    return this.#host.clock.monotonic() - this.#readAt < AGE_MS_MAX;
  }

  /** The number of the last change that is known here; null: nothing is. */
  get change(): string | null {
    return this.#change;
  }

  /** Forgets how new its knowledge is: before the next claim it is read again. */
  invalidate(): void {
    this.#readAt = -Infinity;
    this.#voided++;
  }

  /** Reads what is set. One read at a time, shared by all who ask meanwhile. */
  refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => this.#reading = null);
    return this.#reading;
  }

  /** Reads, and lets new limits take hold, until `stop`. */
  async run(): Promise<void> {
    while (!this.#isStopping) {
      try {
        await this.#look();
        if (!this.#isDeclared) await this.#declare();
        await this.#settle();
      } catch (error) {
        this.#isUnsure = true;
        this.#host.onFailure(error);
      }
      if (!this.#isStopping) await this.#alarm.wait(this.#pauseMs());
    }
  }

  stop(): void {
    this.#isStopping = true;
    this.#alarm.ring();
  }

  /** Whether the jobs of a lane are counted or limited, and so claimed by a statement of their own. */
  isLimited(lane: Names & Pick<Lane, "isOrdered">): boolean {
    if (this.#host.tenantRate !== null || isGated(lane)) return true;
    // A breaker has to be asked while it is closed, too: it may open at any time.
    if (this.#host.handlers.get(lane.type)?.breaker) return true;
    return this.#wayOf(lane).some(({ gate }) =>
      gate.ratePerMinute !== null || gate.concurrency !== null || gate.breaker !== null
    );
  }

  /** Monotonic instant at which it is worth while to ask a lane; in the past: now; Infinity: paused. */
  opensAt(lane: Names): number {
    let opensAt = -Infinity;
    for (const { gate, closedUntil } of this.#wayOf(lane)) {
      const isOpenByHand = gate.breaker === "open" && gate.breakerOpensInMs === null;
      if (gate.isPaused || isOpenByHand) return Infinity;
      opensAt = Math.max(opensAt, closedUntil);
    }
    return opensAt;
  }

  /** A lane that has nothing to pass. */
  readonly isFree = (lane: Lane): boolean =>
    !this.isLimited(lane) && this.opensAt(lane) === -Infinity;

  /** A lane that has to pass gates, of which none is known to be closed. */
  readonly isPassable = (lane: Lane): boolean =>
    this.isLimited(lane) && this.opensAt(lane) <= this.#host.clock.monotonic();

  /** Remembers what a claim was told that was sent at `askedAt`. */
  note(closed: readonly Closed[], askedAt: number): void {
    const { clock, pollMs, random } = this.#host;
    for (const { why, ms, ...name } of closed) {
      const known = this.#known.get(gateId(name));
      // A slot that came back while the claim was under way may not have been seen by it.
      if (!known || (why === "slots" && known.freedAt >= askedAt)) continue;
      const otherwise = why === "busy" ? BUSY_MS : pollMs;
      const pause = ms === null ? jittered(otherwise, random, 0.5) : ms;
      known.closedUntil = clock.monotonic() + Math.max(CLOSED_MS_MIN, pause);
      known.isOutOfSlots = why === "slots";
    }
  }

  /** A job has ended here and has given back its slots. */
  reopen(lane: Names): void {
    for (const known of this.#wayOf(lane)) {
      known.freedAt = this.#host.clock.monotonic();
      if (known.isOutOfSlots) known.closedUntil = -Infinity;
    }
  }

  /** Weights, where somebody has one: of a tenant, or of one of its queues. */
  get weigh(): Weigh | null {
    return this.#hasWeights ? this.#weigh : null;
  }

  readonly #weigh: Weigh = (tenantId, queue, type) => {
    if (type !== null) {
      const ofTenant = this.#known.get(gateId({ tenantId, kind: "type", name: type }));
      const ofAll = this.#known.get(gateId({ tenantId: null, kind: "type", name: type }));
      return (ofTenant?.gate.weight ?? 1) * (ofAll?.gate.weight ?? 1);
    }
    const name: GateName = queue === null
      ? { tenantId, kind: "tenant", name: "" }
      : { tenantId, kind: "queue", name: queue };
    return this.#known.get(gateId(name))?.gate.weight ?? 1;
  };

  /** With a rate for all tenants, each needs a gate that counts. */
  async openFor(lanes: readonly Lane[]): Promise<void> {
    if (this.#host.tenantRate === null) return;
    const unopened = new Set(lanes.map(({ tenantId }) => tenantId).filter(this.#isUnopened));
    if (unopened.size > 0) await this.#host.store.open([...unopened].sort());
    for (const tenantId of unopened) this.#opened.add(tenantId);
    const unknown = lanes.map(tenantGate).filter((gate) => !this.#known.has(gateId(gate)));
    for (const gate of unknown) this.#known.set(gateId(gate), knownOf(gate, -Infinity));
    if (unknown.length > 0) this.#ways = new WeakMap();
  }

  readonly #isUnopened = (tenantId: string) => !this.#opened.has(tenantId);

  /** With the other loops of the worker, when they look often enough. */
  #pauseMs(): number {
    const { glance, pollMs, random, clock } = this.#host;
    const pauseMs = pollMs <= READ_MS ? glance.pauseMs : jittered(READ_MS, random);
    let dueAt = Infinity;
    for (const known of this.#known.values()) dueAt = Math.min(dueAt, known.dueAt);
    return Math.min(pauseMs, Math.max(SETTLE_MS_MIN, dueAt - clock.monotonic() + 1));
  }

  /** Reads, unless nothing has changed since. */
  async #look(): Promise<void> {
    const askedAt = this.#host.clock.monotonic();
    const isOld = this.#isUnsure || await this.#host.glance.gateChange() !== this.#change;
    // What made it invalid meanwhile may be newer than what was seen.
    if (isOld || this.#readAt === -Infinity) await this.refresh();
    else this.#readAt = Math.max(this.#readAt, askedAt);
  }

  async #read(): Promise<void> {
    const { store, clock } = this.#host;
    if (this.#hasDeclared && !this.#isDeclared) await this.#declare();
    const askedAt = clock.monotonic();
    const voided = this.#voided;
    const list = await store.read(this.#isUnsure ? null : this.#change);
    // What made it invalid meanwhile may be newer than what was read.
    if (this.#voided === voided) this.#readAt = askedAt;
    if (list === null) return;
    // A standby that took over, or a backup that was restored, may lack what was declared.
    if (BigInt(list.change) < BigInt(this.#change ?? 0)) this.#isDeclared = false;
    this.#isUnsure = false;
    this.#change = list.change;
    this.#known = new Map(
      list.gates.map((gate) => {
        const settledAt = this.#settledAt(gate, askedAt);
        const dueAt = settledAt === -Infinity ? Infinity : settledAt;
        return [gateId(gate), { ...knownOf(gate, settledAt), dueAt }];
      }),
    );
    this.#ways = new WeakMap();
    this.#hasWeights = list.gates.some(({ weight }) => weight !== 1);
    this.#host.onChange();
  }

  #settledAt({ settlesInMs, breaker, breakerOpensInMs }: Gate, now: number): number {
    const settled = settlesInMs === null ? -Infinity : now + Math.max(CLOSED_MS_MIN, settlesInMs);
    if (breaker !== "open" || breakerOpensInMs === null) return settled;
    return Math.max(settled, now + Math.max(CLOSED_MS_MIN, breakerOpensInMs));
  }

  async #declare(): Promise<void> {
    const { store, handlers } = this.#host;
    const declared = [...handlers.values()].map(({ type, limits }) => ({ type, limits }));
    await store.declare(declared);
    this.#isDeclared = true;
  }

  async #settle(): Promise<void> {
    const now = this.#host.clock.monotonic();
    const isDue = [...this.#known.values()].some(({ gate, dueAt }) =>
      gate.settlesInMs !== null && dueAt <= now
    );
    // Whoever was first has told everybody by the number of the change.
    if (isDue && await this.#host.store.settle() > 0) await this.refresh();
    for (const { gate, dueAt } of [...this.#known.values()]) {
      const isTimed = gate.breaker === "open" && gate.breakerOpensInMs !== null;
      if (isTimed && dueAt <= now) await this.#host.onCooled(gate);
    }
  }

  #wayOf(lane: Names): readonly Known[] {
    if (this.#known.size === 0) return NO_WAY;
    let way = this.#ways.get(lane);
    if (!way) {
      way = gatesOf(lane).flatMap((name) => this.#known.get(gateId(name)) ?? []);
      this.#ways.set(lane, way);
    }
    return way;
  }
}

/** Its jobs have keys, which plain claims and ends know nothing of. */
export function isGated(lane: Pick<Lane, "limitKey" | "isOrdered">): boolean {
  return lane.limitKey !== null || lane.isOrdered;
}

function knownOf(gate: Gate, closedUntil: number): Known {
  return { gate, dueAt: Infinity, closedUntil, isOutOfSlots: false, freedAt: -Infinity };
}

/** The gate of a tenant on which nothing is set. */
function tenantGate({ tenantId }: Lane): Gate & { readonly tenantId: string } {
  const open = {
    ...{ isPaused: false, isDraining: false, settlesInMs: null },
    ...{ breaker: null, breakerOpensInMs: null },
  };
  return { ...NO_LIMITS, ...open, tenantId, kind: "tenant", name: "" };
}
