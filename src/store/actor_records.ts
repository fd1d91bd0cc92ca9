/** What the calls about actors take and give. Values of actors are JSON in the codec's form. */
import type { PatchStep } from "../core/actor/mod.ts";
import type { ActorTermField } from "../core/actor_search.ts";
import type { Json } from "../core/json.ts";
import type { Term } from "../core/term.ts";
import type { JobInsert } from "../core/job.ts";
import type { Change, ClaimedJob } from "./records.ts";

/** The statuses of an actor. */
export type ActorStatus =
  | "active"
  | "done"
  | "error"
  | "stalled"
  | "paused"
  | "blocked"
  | "cancelled"
  | "terminated";

/** The name of an actor. */
export interface ActorName {
  readonly tenantId: string;
  readonly id: string;
}

/**
 * What a mail is: an event (of clients, actors and timers); the end of an activity, well or badly, or
 * after its actor had left it; the start and stop of a child; a request to cancel.
 */
export type MailKind = "event" | "done" | "failed" | "late" | "start" | "stop" | "cancel";

/** One mail as it was read. */
export interface Letterbox {
  readonly id: string;
  readonly kind: MailKind;
  readonly deferred: boolean;
  readonly gen: number | null;
  readonly sender: string | null;
  readonly body: Json;
}

/** An actor as a turn needs it, with the mail that is due. */
export interface ActorView extends ActorName {
  readonly uid: string;
  readonly rootId: string;
  readonly parentId: string | null;
  readonly machine: string;
  readonly rootMachine: string;
  readonly machineVersion: string;
  readonly machineHash: string;
  readonly status: ActorStatus;
  readonly version: number;
  readonly state: string;
  /** Null of a child whose start is still in its mailbox. */
  readonly snapshot: unknown;
  /** Its last step stands in the partition of an earlier day. */
  readonly isNewDay: boolean;
  /** Addresses by system id. */
  readonly registry: Readonly<Record<string, string>>;
  readonly mail: readonly Letterbox[];
  /** The mail that has the key that was asked for. */
  readonly known: string | null;
}

/** Which actors to take, for one batch of turns. */
export interface TurnRequest {
  readonly turnId: string;
  readonly worker: string;
  /** How long others leave them alone. */
  readonly spareMs: number;
  /** Machines of roots; and charts, as workers tell theirs: actors of others are left to a worker that has them. */
  readonly machines: readonly string[];
  readonly charts: readonly string[];
  readonly actors: number;
  readonly mailPerActor: number;
  /** Mail to look at. */
  readonly look: number;
  /** Only mail that was due by then or later, seconds since 1970; null: all. */
  readonly from: number | null;
}

/** What was taken. */
export interface TurnClaim {
  readonly looked: number;
  /** Since when the oldest mail that was seen is due, or the time by then, if there was none; seconds since 1970. */
  readonly oldest: number;
  /** Milliseconds that looking at mail took the database. */
  readonly tookMs: number;
  readonly actors: readonly ActorView[];
  /** Names that have mail and no actor. */
  readonly nobody: readonly ActorName[];
}

/** One row of the past. */
export interface ActorStep {
  readonly version: number;
  readonly event: string;
  readonly from: string | null;
  readonly to: string;
  readonly status: ActorStatus;
  readonly tags: readonly string[];
  readonly outcome: string;
  readonly reason: string | null;
  readonly cause: string | null;
  readonly mailId: string | null;
  readonly body: unknown;
  readonly effects: unknown;
  readonly patch: readonly PatchStep[] | null;
  readonly snapshot: unknown;
}

/** The same as it is read back. */
export interface PastStep extends ActorStep {
  readonly at: string;
  readonly worker: string | null;
  readonly machineVersion: string;
}

/** A mail on its way. */
export interface SentMail {
  readonly id: string;
  readonly to: string;
  readonly delayMs: number;
  readonly kind: MailKind;
  readonly gen: number | null;
  readonly timerId: string | null;
  readonly body: unknown;
  /** Put off at once: until its receiver is in another state. */
  readonly deferred: boolean;
}

/** A child that begins. */
export interface NewChild {
  readonly id: string;
  readonly uid: string;
  readonly systemId: string | null;
  readonly machine: string;
}

/** A job whose end is mail for the actor. */
export interface NewActivity {
  readonly jobId: string;
  readonly childId: string;
  readonly gen: number;
  readonly src: string;
  readonly parks: boolean;
}

/** Everything that one turn of one actor commits. */
export interface Turn extends ActorName {
  /** The version it was made from; null: the actor is born by it. */
  readonly expected: number | null;
  readonly version: number;
  readonly status: ActorStatus;
  readonly state: string;
  readonly tags: readonly string[];
  /** The machine of this incarnation; null: the same as before. */
  readonly machine: string | null;
  /** Its name in the system; empty: none any more; null: the same as before. */
  readonly systemId: string | null;
  readonly fault: unknown;
  readonly snapshot: unknown;
  readonly machineVersion: string;
  readonly machineHash: string;
  /** Its parked mail is to be offered again. */
  readonly offers: boolean;
  readonly birth: {
    readonly uid: string;
    readonly rootMachine: string;
    readonly input: unknown;
    readonly origin: unknown;
  } | null;
  readonly steps: readonly ActorStep[];
  readonly read: readonly string[];
  /** Timers by id; null: all for others that are not due. */
  readonly forget: readonly (string | null)[];
  readonly sent: readonly SentMail[];
  readonly children: readonly NewChild[];
  readonly jobs: readonly JobInsert[];
  readonly activities: readonly NewActivity[];
  readonly left: readonly Pick<NewActivity, "childId" | "gen">[];
  /** Keys of events; without a mail: they are free again. */
  readonly keys: readonly { readonly key: string; readonly mailId: string | null }[];
  readonly putOff: readonly string[];
}

/** Jobs of a batch of turns that its own process starts as soon as they are committed. */
export interface Start {
  readonly leaseId: string;
  /** Who runs them; the turns are then committed under this name. */
  readonly worker: string;
  readonly leaseMs: number;
  /** The last change of gates that their process knows; null: any. When there is a newer one, none starts. */
  readonly gateChange: string | null;
  readonly jobs: ReadonlySet<string>;
}

/** A turn that hears of the success of an activity, and causes nothing but the next one, if that. */
export interface Relay {
  readonly turn: Turn;
  /** The activity's end. */
  readonly end: Change;
}

/** What became of it; `mailed`: the actor had moved on, and has it as mail; `lost`: the job had. */
export interface Relayed {
  readonly relay: Relay;
  readonly outcome: "committed" | "mailed" | "lost";
  /** The job that its turn began, as a claim gives it. */
  readonly started: ClaimedJob | null;
  /** More mail is due. */
  readonly hasMail: boolean;
}

/** What became of a batch of turns; in neither list: the actor has moved on. */
export interface Committed {
  readonly done: readonly Turn[];
  readonly at: Date | null; // By the database; null: several statements took them.
  /** Their jobs that were to start at once, as a claim gives them. */
  readonly started: readonly ClaimedJob[];
  /** PostgreSQL refuses them for good, in its own words. */
  readonly refused: readonly { readonly turn: Turn; readonly message: string }[];
}

/** An event for an actor, from outside. */
export interface OutsideMail extends ActorName {
  readonly mailId: string;
  readonly kind: MailKind;
  readonly key: string | null;
  readonly body: unknown;
}

/** An actor as it is stored. */
export interface ActorRow extends Omit<ActorView, "isNewDay" | "registry" | "mail" | "known"> {
  readonly systemId: string | null;
  readonly tags: readonly string[];
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly fault: Json;
  readonly input: Json;
  readonly origin: Json;
  readonly timers: Json;
  readonly activities: Json;
  readonly children: Json;
}

/** One line of a list. */
export type ActorLine = Pick<
  ActorRow,
  | "tenantId"
  | "id"
  | "parentId"
  | "machine"
  | "machineVersion"
  | "status"
  | "state"
  | "tags"
  | "version"
  | "createdAt"
  | "updatedAt"
>;

/** Which actors to list; null: all. */
export interface ActorFilter {
  readonly tenantId: string;
  readonly machine: string | null;
  readonly status: string | null;
  readonly state: string | null;
  readonly id?: string | null;
  /** All of them have to hold. */
  readonly terms?: readonly Term<ActorTermField>[];
  /** No ids above this one. */
  readonly upTo?: string | null;
}

/** What has become of a mail; `version` is null until its turn is committed. */
export interface MailFate {
  readonly version: number | null;
  readonly outcome: string | null;
  readonly reason: string | null;
  readonly deferred: boolean;
  readonly status: ActorStatus;
  /** It is in the mailbox. */
  readonly waits: boolean;
}
