/**
 * `step`: one macrostep of a statechart, from plain JSON to plain JSON.
 *
 * It starts no actor, reads no clock and waits for nothing. Whoever calls it stores the snapshot and
 * carries out the effects in one commit; `docs/xstate.md` says how.
 */
import { InvalidInputError } from "../errors.ts";
import type { Json } from "../json.ts";
import { type Steppable, type Subject, subjectOf } from "./definition.ts";
import { decode } from "./codec.ts";
import type { Outcome, StepInput, StepResult } from "./contract.ts";
import type { Effect } from "./effects.ts";
import { type ActorSnapshot, type MachineIdentity, readSnapshot } from "./envelope.ts";
import { ActorBlockedError, restoring } from "./errors.ts";
import { macrostep, startMachine } from "./macrostep.ts";
import { isStale, readMail } from "./mail.ts";
import { reduceEvent, startReducer } from "./reducer.ts";
import { storedRef } from "./refs.ts";
import { XSTATE } from "./xstate5/chart.ts";

/**
 * One macrostep. Pure: the same arguments give the same result as far as the machine's own code does,
 * and nothing that was passed in is changed.
 *
 * @param machine A state machine, a definition of one, or logic of `fromTransition`.
 * @throws {InvalidInputError} A bad event, input or address; the sender's mistake.
 * @throws {ActorStalledError} The machine's code threw, or asked for what cannot be stored.
 * @throws {ActorBlockedError} The snapshot is none that this machine can take over.
 *
 * Source: the macrostep of SCXML (W3C, 2015), as XState 5 makes it.
 */
export function step(machine: Steppable, input: StepInput): StepResult {
  const subject = subjectOf(machine);
  checkAddress(input.address);
  if (input.snapshot === undefined) {
    return subject.kind === "machine" ? startMachine(subject, input) : startReducer(subject, input);
  }
  const stored = readSnapshot(input.snapshot, XSTATE);
  checkIdentity(stored.machine, subject);
  if (stored.status !== "active") return unchanged(stored, "ended");
  const mail = readMail(input.event, input.from);
  if (isStale(stored, mail)) return unchanged(stored, "stale");
  return subject.kind === "machine"
    ? macrostep(subject, input, stored, mail)
    : reduceEvent(subject, input, stored, mail);
}

/**
 * Stops an actor from outside, as its parent's `stop` does: no exit actions, as in XState. Its
 * children are stopped and its timers forgotten; its parent is told nothing.
 */
export function stop(snapshot: unknown): Pick<StepResult, "snapshot" | "effects"> {
  const stored = readSnapshot(snapshot, XSTATE);
  if (stored.status !== "active") return { snapshot: stored, effects: [] };
  const { children = {}, timers = {}, ...rest } = stored;
  const stops = Object.entries(children).flatMap(([id, { gen, ended }]): Effect[] =>
    ended ? [] : [{ kind: "stop", id, gen }]
  );
  const cancels = Object.keys(timers).map((timerId): Effect => ({ kind: "timer.cancel", timerId }));
  return { snapshot: { ...rest, status: "stopped" }, effects: [...stops, ...cancels] };
}

function checkAddress(address: unknown): void {
  if (typeof address === "string" && address !== "") return;
  throw new InvalidInputError([{ path: "address", message: "The actor's address: a text" }]);
}

/**
 * Demands a snapshot that this machine has made: the same name, version and hash.
 *
 * @throws {ActorBlockedError} It is another's, or of another format.
 */
export function demandOwn(machine: Steppable, snapshot: unknown): void {
  checkIdentity(readSnapshot(snapshot, XSTATE).machine, subjectOf(machine));
}

/** A snapshot stays with the chart that made it, until `adopt` or `migrate` moves it. */
export function checkIdentity(stored: MachineIdentity, { identity }: Subject): void {
  const differs = (["name", "version", "hash"] as const).find((key) =>
    stored[key] !== identity[key]
  );
  if (!differs) return;
  throw new ActorBlockedError(
    "machine_mismatch",
    `snapshot.machine.${differs}`,
    `The snapshot is of "${stored[differs]}", this machine is "${identity[differs]}": ` +
      "adopt or migrate it first",
  );
}

function valueOf(json: Json, path: string): unknown {
  return restoring(() => decode(json, path, storedRef));
}

function unchanged(stored: ActorSnapshot, outcome: Outcome): StepResult {
  return {
    snapshot: stored,
    effects: [],
    status: stored.status,
    ...stored.output !== undefined && { output: valueOf(stored.output, "output") },
    ...stored.error !== undefined && { error: valueOf(stored.error, "error") },
    changed: false,
    outcome,
  };
}
