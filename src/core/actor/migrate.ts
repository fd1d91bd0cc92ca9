/**
 * Migrations: functions of the author's that carry a snapshot from one version of a chart to another,
 * one after the other, and are checked at the end like any takeover.
 */
import { findJsonIssue, type Json } from "../json.ts";
import { CodecError, decode, encode } from "./codec.ts";
import { compatibilityOf, isOwnChoice } from "./compat.ts";
import { type Steppable, subjectOf } from "./definition.ts";
import type { Effect, EventJson } from "./effects.ts";
import {
  type ActorSnapshot,
  type ChildEntry,
  isRecord,
  readSnapshot,
  type StateValueJson,
  type TimerEntry,
} from "./envelope.ts";
import { ActorBlockedError, messageOf, restoring } from "./errors.ts";
import * as nodes from "./nodes.ts";
import { refOf, storedRef } from "./refs.ts";
import { chartOf, XSTATE } from "./xstate5/chart.ts";

/** What a migration may change. */
export interface MigrationDraft {
  readonly value: StateValueJson;
  /** As a value, not its stored form. */
  readonly context: unknown;
  readonly history: Readonly<Record<string, readonly string[]>>;
  /** One that is left out is stopped. */
  readonly children: Readonly<Record<string, ChildEntry>>;
  /** One that is left out is cancelled, one that is new or has another delay is set; the rest go on. */
  readonly timers: Readonly<Record<string, Pick<TimerEntry, "delayMs" | "event">>>;
}

/** One step of a chain. */
export interface Migration {
  /** Author versions. */
  readonly from: string;
  readonly to: string;
  readonly migrate: (draft: MigrationDraft) => MigrationDraft;
  /** To send once the snapshot has arrived: a migration enters no state. */
  readonly event?: EventJson;
  /** Types of events that were put off and are not to be offered again. */
  readonly forget?: readonly string[];
}

/** Where a snapshot has been brought. */
export interface Migrated {
  readonly snapshot: ActorSnapshot;
  /** Stops and cancels what the migrations dropped, sets what they added. */
  readonly effects: readonly Effect[];
  readonly event?: EventJson;
  /** Types of events that were put off and go. */
  readonly forget: readonly string[];
  /** The versions it went through, the first and the last included. */
  readonly versions: readonly string[];
}

/**
 * Brings a snapshot to this machine's version by the shortest chain of migrations. The given snapshot
 * stays as it is: keep it for the way back.
 *
 * @param address The actor's own: where new timers fire.
 * @throws {ActorBlockedError} `migration`: it is of another machine, there is no chain, one of them threw,
 *   or what came out does not fit the chart.
 */
export function migrate(
  machine: Steppable,
  address: string,
  snapshot: unknown,
  migrations: readonly Migration[],
): Migrated {
  const subject = subjectOf(machine);
  const stored = readSnapshot(snapshot, XSTATE);
  const { name, version } = subject.identity;
  if (stored.machine.name !== name) {
    throw blocked("machine.name", `A snapshot of "${stored.machine.name}", not of "${name}"`);
  }
  const chain = findChain(stored.machine.version, version, migrations);
  if (!chain || subject.kind !== "machine") {
    throw blocked(
      "machine.version",
      `No migrations lead from ${stored.machine.version} to ${version}`,
    );
  }
  const draft = chain.reduce(apply, draftOf(stored));
  demandJson(draft);
  const timers = renumbered(stored, draft);
  const moved: ActorSnapshot = {
    ...stored,
    xstate: XSTATE,
    machine: subject.identity,
    value: draft.value,
    context: storable(draft.context),
    history: draft.history,
    children: draft.children,
    timers: timers.entries,
    gens: { ...stored.gens, timer: timers.gen },
  };
  const types = typesOf(chartOf(subject.machine).machine.root, draft.value);
  const { types: _old, ...untyped } = moved;
  const next = { ...untyped, ...types && { types } };
  const issue = compatibilityOf(machine, next).find((each) => !isOwnChoice(each));
  if (issue) throw blocked(issue.path, issue.message);
  const event = chain.at(-1)?.event;
  return {
    snapshot: next,
    effects: [...stopsOf(stored, draft), ...timers.effects(address)],
    ...event && { event },
    forget: chain.flatMap(({ forget = [] }) => forget),
    versions: [stored.machine.version, ...chain.map(({ to }) => to)],
  };
}

/** The earlier versions from which migrations lead to one. */
export function versionsBefore(version: string, all: readonly Migration[]): string[] {
  const found = [version];
  for (const here of found) {
    for (const { from, to } of all) {
      if (to === here && !found.includes(from)) found.push(from);
    }
  }
  return found.slice(1);
}

/** Breadth first: the first way found is a shortest one. */
function findChain(from: string, to: string, all: readonly Migration[]): Migration[] | undefined {
  const seen = new Set([from]);
  const ways: Migration[][] = [[]];
  for (let way; (way = ways.shift());) {
    const here = way.at(-1)?.to ?? from;
    if (here === to) return way;
    for (const next of all) {
      if (next.from !== here || seen.has(next.to)) continue;
      seen.add(next.to);
      ways.push([...way, next]);
    }
  }
  return undefined;
}

function draftOf({ value, context, history, children, timers }: ActorSnapshot): MigrationDraft {
  return {
    value,
    context: restoring(() => decode(context, "context", storedRef)),
    history: history ?? {},
    children: children ?? {},
    timers: timers ?? {},
  };
}

function apply(draft: MigrationDraft, { from, to, migrate }: Migration): MigrationDraft {
  const path = `migrations.${from}→${to}`;
  let next: MigrationDraft;
  try {
    next = migrate(draft);
  } catch (error) {
    throw blocked(path, messageOf(error), error);
  }
  if (isDraft(next)) return next;
  throw blocked(path, "It gave no { value, context, history, children, timers }");
}

function isDraft(value: unknown): value is MigrationDraft {
  return isRecord(value) && "context" in value &&
    [value.history, value.children, value.timers].every(isRecord) &&
    (typeof value.value === "string" || isRecord(value.value));
}

/** The context is a value; the rest is stored as it is. */
function demandJson({ context: _, ...rest }: MigrationDraft): void {
  const issue = findJsonIssue(rest, "", Infinity);
  if (issue) throw blocked(issue.path, issue.message);
}

/** What migrations made of the context, if it can be stored. */
function storable(context: unknown): Json {
  try {
    return encode(context, "context", refOf);
  } catch (error) {
    throw blocked(error instanceof CodecError ? error.path : "context", messageOf(error), error);
  }
}

function stopsOf({ children = {} }: ActorSnapshot, draft: MigrationDraft): Effect[] {
  return Object.entries(children).flatMap(([id, { gen, ended }]): Effect[] => {
    return ended || Object.hasOwn(draft.children, id) ? [] : [{ kind: "stop", id, gen }];
  });
}

/** Timers that go on keep their generation; the others get a new one. */
function renumbered({ timers = {}, gens }: ActorSnapshot, draft: MigrationDraft) {
  let gen = gens.timer;
  const entries: Record<string, TimerEntry> = {};
  const added: string[] = [];
  for (const [timerId, { delayMs, event }] of Object.entries(draft.timers)) {
    const old = timers[timerId];
    const isOld = old?.delayMs === delayMs && same(old.event, event);
    entries[timerId] = isOld ? old : { gen: ++gen, delayMs, event };
    if (!isOld) added.push(timerId);
  }
  const cancels = Object.keys(timers).filter((timerId) => !Object.hasOwn(entries, timerId));
  const effects = (address: string): Effect[] => [
    ...cancels.map((timerId): Effect => ({ kind: "timer.cancel", timerId })),
    ...added.flatMap((timerId): Effect[] => {
      const entry = entries[timerId];
      const from = { timerId, gen: entry?.gen ?? 0 };
      return entry ? [{ kind: "timer.set", timerId, to: address, from, ...entry }] : [];
    }),
  ];
  return { entries, gen, effects };
}

function same(a: Json, b: Json): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function typesOf(root: Parameters<typeof nodes.nodesOfValue>[0], value: StateValueJson) {
  try {
    return nodes.hiddenTypes(nodes.nodesOfValue(root, value));
  } catch (error) {
    if (!(error instanceof ActorBlockedError)) throw error;
    throw blocked(error.path, error.reason);
  }
}

function blocked(path: string, reason: string, cause?: unknown): ActorBlockedError {
  return new ActorBlockedError("migration", path, reason, { cause });
}
