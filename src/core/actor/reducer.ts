/**
 * The step of a reducer, XState's `fromTransition`: its state is the context, every event is handled,
 * and it ends only if its own logic says so.
 */
import { idOf } from "./address.ts";
import { CodecError, decode, encode } from "./codec.ts";
import type { Outcome, StepInput, StepResult } from "./contract.ts";
import type { Subject } from "./definition.ts";
import type { ActorSnapshot, Birth } from "./envelope.ts";
import { InvalidInputError } from "../errors.ts";
import { restoring, storing } from "./errors.ts";
import { encodeThrown, type Mail, openMail } from "./mail.ts";
import { refOf } from "./refs.ts";
import { reportOf, seal } from "./seal.ts";
import { Settlement } from "./settle.ts";
import { openReducer, type Reduced } from "./xstate5/reduce.ts";

type Reducer = Subject & { kind: "transition" };

/** The first step. */
export function startReducer({ logic, identity }: Reducer, input: StepInput): StepResult {
  const { gen = 1, gens = NONE, sync = false, parent, address, registry = {} } = input;
  const birth = parent === undefined ? undefined : { parent, gen, ...sync && { sync } };
  const stage = openReducer(logic, { address, id: idOf(address, parent), parent, registry });
  const reduced = stage.start(opened(() => decode(input.input, "input", stage.refFrom)));
  return finish({ identity, birth, gens, input, outcome: "started" }, reduced);
}

/** Every later step. */
export function reduceEvent(
  { logic, identity }: Reducer,
  input: StepInput,
  stored: ActorSnapshot,
  mail: Mail,
): StepResult {
  const { address, registry = {} } = input;
  const { birth, gens } = stored;
  const parent = input.parent ?? birth?.parent;
  const stage = openReducer(logic, { address, id: idOf(address, parent), parent, registry });
  const event = openMail(mail, stage.refFrom);
  const context = restoring(() => decode(stored.context, "context", stage.refFrom));
  const reduced = stage.send(context, event);
  return finish({ identity, birth, gens, input, outcome: "handled" }, reduced);
}

interface Frame {
  readonly identity: ActorSnapshot["machine"];
  readonly birth: Birth | undefined;
  /** Of whoever had the address before it: it gives out none itself. */
  readonly gens: ActorSnapshot["gens"];
  readonly input: StepInput;
  readonly outcome: Outcome;
}

function finish({ identity, birth, input, outcome, ...kept }: Frame, reduced: Reduced): StepResult {
  const { status, context, output, error } = reduced;
  const gens = { ...kept.gens };
  const self = { address: input.address, ...birth && { gen: birth.gen } };
  const settlement = new Settlement(self, NOTHING, gens, () => undefined);
  settlement.take(reduced.requests);
  const snapshot = seal({
    identity,
    birth,
    gens,
    status,
    value: {},
    context: storing(() => encode(context, "context", refOf)),
    ...NOTHING,
    ...status === "done" && { output: storing(() => encode(output, "output", refOf)) },
    ...status === "error" && { error: encodeThrown(error) },
  });
  const report = birth && reportOf(snapshot, idOf(input.address, birth.parent), birth, true);
  if (report) settlement.push(report);
  return {
    snapshot,
    effects: settlement.effects,
    status,
    ...status === "done" && { output },
    ...status === "error" && { error },
    changed: true,
    outcome,
  };
}

const NONE = { child: 0, timer: 0 };

/** It has neither children nor timers. */
const NOTHING = { children: new Map(), timers: new Map() };

function opened<T>(decoding: () => T): T {
  try {
    return decoding();
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new InvalidInputError([{ path: error.path, message: error.reason }]);
  }
}
