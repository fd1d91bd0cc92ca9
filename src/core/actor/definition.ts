/** What `step` runs: a machine as it is, one registered with `defineMachine`, or a reducer. */
import type { AnyActorLogic, AnyStateMachine } from "xstate";
import type { z } from "zod";
import { InvalidInputError, type Issue } from "../errors.ts";
import { issuesOf } from "../job.ts";
import type { MachineIdentity } from "./envelope.ts";
import { isMachine, kindOf } from "./sources.ts";
import { NO_HASH, structuralHash } from "./structure.ts";

/** The schemas of a machine. */
export interface Schemas {
  readonly events?: z.ZodType | undefined;
  readonly input?: z.ZodType | undefined;
  readonly output?: z.ZodType | undefined;
  readonly context?: z.ZodType | undefined;
}

/** A machine with its name, version and schemas: what `defineMachine` gives is one. */
export interface Definition<Machine extends AnyStateMachine = AnyStateMachine> {
  readonly machine: Machine;
  readonly identity: MachineIdentity;
  readonly schemas: Schemas;
}

/** Anything that can be stepped. */
export type Steppable = AnyStateMachine | Definition | AnyActorLogic;

/** What it comes down to. */
export type Subject =
  | ({ readonly kind: "machine" } & Definition)
  | {
    readonly kind: "transition";
    readonly logic: AnyActorLogic;
    readonly identity: MachineIdentity;
  };

const subjects = new WeakMap<object, Subject>();

/** The subject of a step; made once for each object. */
export function subjectOf(machine: Steppable): Subject {
  let subject = subjects.get(machine);
  if (!subject) subjects.set(machine, subject = makeSubject(machine));
  return subject;
}

function makeSubject(given: Steppable): Subject {
  if ("identity" in given) return { kind: "machine", ...pick(given) };
  if (isMachine(given)) {
    const identity = {
      name: given.id,
      version: given.version ?? "0",
      hash: structuralHash(given),
    };
    return { kind: "machine", machine: given, identity, schemas: {} };
  }
  if (kindOf(given) === "transition") {
    return { kind: "transition", logic: given, identity: REDUCER };
  }
  throw new TypeError("step() takes a machine, a definition, or fromTransition logic");
}

/** A reducer has no structure to compare. */
const REDUCER: MachineIdentity = { name: "(transition)", version: "0", hash: NO_HASH };

function pick({ machine, identity, schemas }: Definition): Definition {
  return { machine, identity, schemas };
}

/** The value as the schema gives it. @throws {InvalidInputError} With paths below `path`. */
export function parsed(schema: z.ZodType | undefined, value: unknown, path: string): unknown {
  if (!schema) return value;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new InvalidInputError(issuesBelow(result.error, path));
}

/** The issues of a schema, by paths below `path`. */
export function issuesBelow(error: z.ZodError, path: string): Issue[] {
  return issuesOf(error, (rest) => rest === "" ? path : `${path}.${rest}`);
}
