/** Makes the envelope, and what a child tells its parent. */
import type { Json } from "../json.ts";
import { encode, TAG } from "./codec.ts";
import type { SendEffect } from "./effects.ts";
import {
  type ActorSnapshot,
  type Birth,
  type ChildEntry,
  FORMAT,
  type MachineIdentity,
  type StateValueJson,
  type TimerEntry,
} from "./envelope.ts";
import { NO_HASH } from "./structure.ts";
import { XSTATE } from "./xstate5/chart.ts";

/** What goes into an envelope. */
export interface Contents {
  readonly identity: MachineIdentity;
  readonly birth: Birth | undefined;
  readonly gens: { readonly child: number; readonly timer: number };
  readonly status: ActorSnapshot["status"];
  readonly value: StateValueJson;
  readonly types?: ActorSnapshot["types"] | undefined;
  readonly context: Json;
  readonly history?: ActorSnapshot["history"] | undefined;
  readonly children: ReadonlyMap<string, ChildEntry>;
  readonly timers: ReadonlyMap<string, TimerEntry>;
  readonly output?: Json | undefined;
  readonly error?: Json | undefined;
}

/** The envelope; what is empty is left out. */
export function seal(contents: Contents): ActorSnapshot {
  const { identity, gens, status, value, context, types, history, birth, output, error } = contents;
  const { children, timers } = contents;
  return {
    format: FORMAT,
    xstate: XSTATE,
    machine: identity,
    status,
    value,
    ...types && { types },
    context,
    ...history && { history },
    ...children.size > 0 && { children: Object.fromEntries(children) },
    ...timers.size > 0 && { timers: Object.fromEntries(timers) },
    ...birth && { birth },
    gens: { child: gens.child, timer: gens.timer },
    ...output !== undefined && { output },
    ...error !== undefined && { error },
  };
}

/**
 * What a parent is told after a child's step: that it has ended, or how it is now if it is
 * synchronised and there is news.
 */
export function reportOf(
  snapshot: ActorSnapshot,
  id: string,
  { parent, gen, sync }: Birth,
  isNews: boolean,
): SendEffect | undefined {
  const { status, output = NOTHING, error = NOTHING, value, context, history = {} } = snapshot;
  const send = (what: string, fields: Record<string, Json>): SendEffect => ({
    kind: "send",
    to: parent,
    event: { type: `xstate.${what}.${id}`, ...fields },
    from: { childId: id, gen },
  });
  if (status === "done") return send("done.actor", { output, actorId: id });
  if (status === "error") return send("error.actor", { error, actorId: id });
  if (!sync || !isNews) return undefined;
  // A reducer stands in no state.
  const place = snapshot.machine.hash === NO_HASH
    ? {}
    : { value: encode(value), history: encode(history) };
  return send("snapshot", { snapshot: { status, ...place, context, output, error } });
}

/** How `undefined` is stored. */
const NOTHING: Json = { [TAG]: "undefined" };
