/** What keeps a chart from being durable, and what to write instead. */
import type { AnyStateMachine } from "xstate";
import { CodecError, encode } from "./codec.ts";
import { StepError } from "./errors.ts";
import { builtInOf, namedPiece, type Piece, piecesOf } from "./pieces.ts";
import { isLogic, isMachine, type LogicKind, sourcesOf } from "./sources.ts";
import { step } from "./step.ts";

/** One thing wrong, and where. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

const INLINE = "Actor logic needs a name to be found again after a restart: write " +
  'setup({ actors: { work: … } }) and src: "work"';

const UNDURABLE: Partial<Record<LogicKind, string>> = {
  callback: "fromCallback lives in one process and cannot be durable: write fromPromise for work " +
    "that ends, or a child machine that is sent events",
  observable:
    "fromObservable lives in one process and cannot be durable: write fromPromise, or let " +
    "whoever observes send events to the actor",
  foreign:
    "Actor logic of this kind cannot be stored: write fromPromise, fromTransition or a machine",
};

/** Every problem of a machine and of its child machines. */
export function checkMachine(machine: AnyStateMachine): Problem[] {
  return [...check(machine, "", new Set())];
}

function* check(machine: AnyStateMachine, at: string, seen: Set<unknown>): Generator<Problem> {
  if (seen.has(machine)) return;
  seen.add(machine);
  for (const piece of piecesOf(machine)) {
    const message = pieceProblem(machine, piece);
    if (message) yield { path: `${at}${piece.path}`, message };
  }
  for (const [src, { kind, logic, inline }] of sourcesOf(machine)) {
    const message = UNDURABLE[kind];
    // One that stands inline has been told of already, as such.
    if (message && !inline) yield { path: `${at}actors.${src}`, message };
    if (isMachine(logic)) yield* check(logic, `${at}actors.${src}.`, seen);
  }
  yield* contextProblems(machine, at);
}

function pieceProblem(machine: AnyStateMachine, { kind, value }: Piece): string | undefined {
  const { guards = {}, delays = {} } = machine.implementations;
  const name = namedPiece(value);
  switch (kind) {
    case "source":
      return isLogic(value) ? INLINE : sourceProblem(machine, name);
    case "delay":
      return delayProblem(delays, name);
    case "guard": {
      const unknown = guardNames(value).find((each) => !Object.hasOwn(guards, each));
      return unknown && `There is no guard "${unknown}": add it to setup({ guards })`;
    }
    case "action": {
      const builtIn = builtInOf(value);
      if (builtIn?.isInline) return INLINE;
      return delayProblem(delays, builtIn?.delay) ?? sourceProblem(machine, builtIn?.src);
    }
  }
}

/** The names that a guard looks up, those within `and`, `or` and `not` too. */
function guardNames(guard: unknown): string[] {
  const parts: unknown = Reflect.get(Object(guard), "guards");
  if (Array.isArray(parts)) return parts.flatMap(guardNames);
  const name = namedPiece(guard);
  return name === undefined ? [] : [name];
}

function sourceProblem(machine: AnyStateMachine, name: string | undefined): string | undefined {
  if (name === undefined || sourcesOf(machine).has(name)) return undefined;
  return `There is no actor "${name}": add it to setup({ actors })`;
}

function delayProblem(delays: object, name: string | undefined): string | undefined {
  if (name === undefined || Object.hasOwn(delays, name)) return undefined;
  return `There is no delay "${name}" (XState would fire at once): add it to setup({ delays })`;
}

/** What the context could never store: as it stands, or as a first step without input makes it. */
function* contextProblems(machine: AnyStateMachine, at: string): Generator<Problem> {
  const { context } = machine.config;
  try {
    if (typeof context === "function") step(machine, { address: "check" });
    else encode(context ?? {}, "context");
  } catch (error) {
    // Anything else may come of there being no input.
    const isUnfit = error instanceof CodecError ||
      error instanceof StepError && error.code === "not_serialisable";
    if (!isUnfit) return;
    const message = `${error.reason}: keep plain data, dates, maps and sets in it`;
    yield { path: `${at}${error.path}`, message };
  }
}
