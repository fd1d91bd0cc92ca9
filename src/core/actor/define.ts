/**
 * `defineMachine`: registers a chart, and refuses at once what could not be durable.
 *
 * A mistake in a chart should be told at the start of the program, not at three in the morning by an
 * actor that stalls.
 */
import type {
  AnyStateMachine,
  ContextFrom,
  EmittedFrom,
  EventFromLogic,
  InputFrom,
  OutputFrom,
  StateSchemaFrom,
} from "xstate";
import { z } from "zod";
import type { Backoff } from "../backoff.ts";
import { limits } from "../limits.ts";
import { childAddress } from "./address.ts";
import { checkMachine, type Problem } from "./check.ts";
import { optionsOf } from "../options.ts";
import { type Definition, issuesBelow, type Schemas } from "./definition.ts";
import type { MachineIdentity } from "./envelope.ts";
import { isMachine, type LogicKind, sourcesOf } from "./sources.ts";
import { structuralHash } from "./structure.ts";

/** What to do with an event that the machine does not handle. */
export type UnhandledPolicy = "record" | "reject" | "defer";

/**
 * When a named action runs. `outbox`: after the commit, at least once, found by its name and given its
 * params, the event and the context as they were at its turn, and no `self`. `transactional`: in the turn,
 * with the turn's SQL, in the same commit.
 */
export type ActionMode = "outbox" | "transactional";

/** What the function of an action gets. */
export interface ActionArguments {
  readonly address: string;
  readonly params: unknown;
  /** Of a transactional action: the turn's own SQL. */
  readonly sql?: unknown;
}

/** A mode, or a mode with a function in place of the machine's. */
export type ActionOptions =
  | ActionMode
  | { readonly mode: ActionMode; readonly run: (args: ActionArguments) => unknown };

/** How the work of an activity (`fromPromise`) is retried. What is left out comes from the settings. */
export interface ActivityOptions extends Partial<Backoff> {
  readonly maxAttempts?: number;
  /** Longest attempt, milliseconds. */
  readonly timeoutMs?: number;
  /** When attempts are used up: tell the machine (`onError`), or wait for an operator. */
  readonly onExhausted?: "error" | "park";
  /**
   * The source (`fromPromise`) that undoes it: run if the actor is cancelled as a whole or fails, the
   * last one done first, with `{ output }` of what it undoes as input.
   */
  readonly compensate?: string;
}

/** How the work and the actions of a machine run; of a child, nothing is undone by `compensate`. */
export interface ChildOptions {
  /** By source. */
  readonly actors?: Readonly<Record<string, ActivityOptions>>;
  /** By name; a named action that is not listed is `outbox`. */
  readonly actions?: Readonly<Record<string, ActionOptions>>;
  /** Of its child machines, by source. */
  readonly children?: Readonly<Record<string, ChildOptions>>;
}

/** What `defineMachine` takes beside the machine. */
export interface MachineOptions<Name extends string = string> extends ChildOptions {
  /** The author's: raise it when the meaning changes, even if the chart does not. */
  readonly version: string;
  /** Default: the machine's id. */
  readonly name?: Name;
  /** Of events from outside; XState's own are not checked. */
  readonly events?: z.ZodType;
  readonly input?: z.ZodType;
  readonly output?: z.ZodType;
  /** Checked when a changed chart takes a snapshot over. */
  readonly context?: z.ZodType;
  /** Default: `record`. */
  readonly unhandled?: UnhandledPolicy;
}

/** The id of a machine, where `setup` keeps it as a type. */
export type IdOf<Machine extends AnyStateMachine> = StateSchemaFrom<Machine> extends
  { readonly id: infer Id extends string } ? Id : string;

/** A registered machine. */
export interface MachineDefinition<
  Machine extends AnyStateMachine = AnyStateMachine,
  Name extends string = string,
> extends Definition<Machine> {
  readonly name: Name;
  readonly version: string;
  readonly hash: string;
  readonly unhandled: UnhandledPolicy;
  readonly actors: Readonly<Record<string, ActivityOptions>>;
  readonly actions: Readonly<Record<string, ActionOptions>>;
  /** For the compiler alone: never there. */
  readonly shape?: {
    readonly input: InputFrom<Machine>;
    readonly context: ContextFrom<Machine>;
    readonly event: EventFromLogic<Machine>;
    readonly emitted: EmittedFrom<Machine>;
    readonly output: OutputFrom<Machine>;
  };
  /**
   * The definition of a child machine, by its source. Its name is `<this>/<src>`, its version this
   * one's: it ships with its parent. Undefined of any other source.
   */
  readonly child: (src: string) => MachineDefinition | undefined;
  /** When an action runs: as listed, else `outbox`; an inline function runs in the turn, without SQL. */
  readonly modeOf: (type: string, named: boolean) => ActionMode | "inline";
}

/** Everything that keeps a machine from being durable. */
export class MachineDefinitionError extends Error {
  override readonly name = "MachineDefinitionError";

  constructor(machine: string, readonly problems: readonly Problem[]) {
    const lines = problems.map(({ path, message }) => `- ${path}: ${message}`);
    super([`Machine "${machine}" cannot be durable:`, ...lines].join("\n"));
  }
}

/**
 * Registers a machine.
 *
 * @throws {MachineDefinitionError} Names everything that cannot be durable, and what to write instead.
 */
export function defineMachine<
  Machine extends AnyStateMachine,
  const Name extends string = IdOf<Machine>,
>(machine: Machine, options: MachineOptions<Name>): MachineDefinition<Machine, Name>;
export function defineMachine(
  machine: AnyStateMachine,
  options: MachineOptions,
): MachineDefinition {
  // The types say so; whoever has none is told in words.
  if (!isMachine(machine)) {
    const message = "Give it an XState machine: setup({ … }).createMachine({ … })";
    throw new MachineDefinitionError("(none)", [{ path: "machine", message }]);
  }
  const problems = [...optionProblems(machine, options), ...checkMachine(machine)];
  if (problems.length > 0) throw new MachineDefinitionError(machine.id, problems);
  const { name = machine.id, version } = options;
  return makeDefinition(machine, { name, version, hash: structuralHash(machine) }, options);
}

function makeDefinition<Machine extends AnyStateMachine>(
  machine: Machine,
  identity: MachineIdentity,
  options: Partial<MachineOptions>,
): MachineDefinition<Machine> {
  const { actors = {}, actions = {}, unhandled = "record" } = options;
  const { events, input, output, context } = options;
  const schemas: Schemas = { events, input, output, context };
  const children = new Map<string, MachineDefinition | undefined>();
  return {
    ...identity,
    machine,
    identity,
    schemas,
    unhandled,
    actors,
    actions,
    child(src) {
      if (!children.has(src)) {
        const given = { ...options.children?.[src], unhandled };
        children.set(src, childOf(machine, identity, src, given));
      }
      return children.get(src);
    },
    modeOf(type, named) {
      const given = Object.hasOwn(actions, type) ? actions[type] : undefined;
      if (given === undefined) return named ? "outbox" : "inline";
      return typeof given === "string" ? given : given.mode;
    },
  };
}

function childOf(
  machine: AnyStateMachine,
  { name, version }: MachineIdentity,
  src: string,
  options: Partial<MachineOptions>,
): MachineDefinition | undefined {
  const source = sourcesOf(machine).get(src);
  if (source?.kind !== "machine" || !isMachine(source.logic)) return undefined;
  const identity = {
    name: childAddress(name, src),
    version,
    hash: structuralHash(source.logic),
  };
  return makeDefinition(source.logic, identity, options);
}

const duration = z.number().min(1).max(limits.delayMsMax).optional();

const running = {
  actors: z.record(
    z.string(),
    optionsOf({
      maxAttempts: z.int().min(1).max(limits.attemptsMax).optional(),
      baseMs: duration,
      factor: z.number().min(1).max(10).optional(),
      capMs: duration,
      timeoutMs: z.int().min(1).max(limits.timeoutMsMax).optional(),
      onExhausted: z.enum(["error", "park"]).optional(),
      compensate: z.string().optional(),
    }),
  ).optional(),
  actions: z.record(z.string(), z.union([mode(), z.object({ mode: mode(), run: z.unknown() })]))
    .optional(),
};

const childSchema = optionsOf({
  ...running,
  get children(): z.ZodType {
    return z.record(z.string(), childSchema).optional();
  },
});

const optionsSchema = optionsOf({
  version: z.string({ error: "The author's version, a text" }).min(1).max(limits.nameLengthMax),
  name: z.string().min(1).max(limits.nameLengthMax).optional(),
  unhandled: z.enum(["record", "reject", "defer"]).optional(),
  ...running,
  children: z.record(z.string(), childSchema).optional(),
  ...{ events: schema(), input: schema(), output: schema(), context: schema() },
});

function schema() {
  return z.custom((given) => typeof Object(given).safeParse === "function", "A zod schema")
    .optional();
}

function mode() {
  return z.enum(["outbox", "transactional"]);
}

function optionProblems(machine: AnyStateMachine, options: MachineOptions): Problem[] {
  const result = optionsSchema.safeParse(options);
  const problems = result.success ? [] : issuesBelow(result.error, "options");
  // Nothing more can be said of what is no object.
  if (typeof options !== "object" || options === null) return problems;
  if (options.name === undefined && machine.id === "(machine)") {
    problems.push({ path: "id", message: "Give the machine an id: it is the name of its actors" });
  }
  return [...problems, ...workProblems(machine, options, "options")];
}

/** What the options say of sources, and of those of children. */
function workProblems(machine: AnyStateMachine, options: ChildOptions, at: string): Problem[] {
  const sources = sourcesOf(machine);
  const problems: Problem[] = [];
  const demand = (path: string, src: string, wanted: LogicKind, why: string) => {
    const kind = sources.get(src)?.kind;
    if (kind === wanted) return;
    const message = kind ? `"${src}" is a ${kind}: only ${why}` : `There is no source "${src}"`;
    problems.push({ path, message });
  };
  for (const [src, given] of Object.entries(options.actors ?? {})) {
    const path = `${at}.actors.${src}`;
    demand(path, src, "activity", "work (fromPromise) is retried");
    if (given?.compensate === undefined) continue;
    const undo = "work (fromPromise) undoes what was done";
    demand(`${path}.compensate`, given.compensate, "activity", undo);
    if (at === "options") continue;
    const message = "What a child has done is not undone with its root: say it in the chart";
    problems.push({ path: `${path}.compensate`, message });
  }
  for (const [src, given] of Object.entries(options.children ?? {})) {
    const path = `${at}.children.${src}`;
    demand(path, src, "machine", "a machine has options of a child");
    const logic = sources.get(src)?.logic;
    if (isMachine(logic)) problems.push(...workProblems(logic, given ?? {}, path));
  }
  return problems;
}
