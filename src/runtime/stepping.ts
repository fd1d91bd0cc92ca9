/** One step of one actor: what `step` gives, within our bounds, its inline actions run. */
import { getLogger } from "@logtape/logtape";
import {
  ActorBlockedError,
  ActorStalledError,
  type Effect,
  step,
  type StepInput,
  type StepResult,
} from "../core/actor/mod.ts";
import type { ActorSnapshot } from "../core/actor/mod.ts";
import { limits } from "../core/limits.ts";
import type { Logic } from "./machines.ts";

const log = getLogger(["perdura", "actors"]);

/** What goes in; a snapshot of null is none. */
export type Stepping = Omit<StepInput, "snapshot"> & { readonly snapshot?: ActorSnapshot | null };

/** It would be more than may be kept: a sender who waits is refused, mail stalls. */
export class SnapshotTooLargeError extends ActorStalledError {}

/** @throws {StepError | InvalidInputError} Nothing has changed. */
export function stepWith(logic: Logic | null, input: Stepping): StepResult {
  if (!logic) throw new ActorBlockedError("machine_mismatch", "", "Nothing to step it with");
  const { snapshot, ...rest } = input;
  const at = snapshot === null ? {} : { snapshot };
  const result = step(logic.subject, { ...rest, ...at });
  const size = JSON.stringify(result.snapshot).length;
  if (size > limits.payloadBytesMax) {
    const reason = `Its snapshot would take ${size} bytes; ${limits.payloadBytesMax} may be`;
    throw new SnapshotTooLargeError("not_serialisable", "snapshot", reason);
  }
  for (const effect of result.effects) {
    if (effect.kind === "action" && isInline(logic, effect)) runAction(effect);
  }
  return result;
}

/** Functions that stand in the chart itself run in the step: nobody could find them again. */
function isInline({ definition }: Logic, { type, named }: Effect & { kind: "action" }): boolean {
  return (definition?.modeOf(type, named) ?? "inline") === "inline";
}

function runAction({ type, exec }: Effect & { kind: "action" }): void {
  try {
    const result = exec();
    if (result instanceof Promise) {
      result.catch((error) => log.warn("An inline action failed", { type, error }));
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ActorStalledError("threw", `actions.${type}`, reason, { cause: error });
  }
}
