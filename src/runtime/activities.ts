/**
 * Activities: what a machine invokes with `fromPromise`, run as jobs.
 *
 * The job's handler runs the author's function through XState itself; its result becomes the job's
 * output in the codec's form, and the statement that ends the job puts the mail into the mailbox.
 */
import { type AnyActorLogic, type AnyActorRef, createActor } from "xstate";
import { z } from "zod";
import { decode, encode, type MachineDefinition } from "../core/actor/mod.ts";
import { PermanentError } from "../core/errors.ts";
import { sourcesOf } from "../core/actor/sources.ts";
import { compensationSchema, compensationType } from "./compensating.ts";
import type { HandlerContext } from "./context.ts";
import { defineHandler, type Handler } from "./handlers.ts";
import { actionType, activityType, logicOfSource, type Machines } from "./machines.ts";

const contexts = new WeakMap<object, HandlerContext>();

/**
 * What a handler gets beside its input, for the function of a `fromPromise` activity:
 * `fromPromise(async ({ input, self }) => { const { idempotencyKey } = activityContext(self); … })`.
 *
 * @throws {TypeError} Outside of an activity that runs as a job.
 */
export function activityContext(self: AnyActorRef): HandlerContext {
  const context = contexts.get(self);
  if (!context) throw new TypeError("There is no job here: this actor is no activity of Perdura's");
  return context;
}

const payloadSchema = z.object({
  actor: z.string(),
  activity: z.string(),
  gen: z.number(),
  src: z.string(),
  version: z.string(),
  input: z.unknown(),
});

const actionSchema = z.object({
  actor: z.string(),
  version: z.string(),
  type: z.string(),
  params: z.unknown(),
  event: z.unknown(),
  context: z.unknown(),
});

/** The handlers of all activities and outbox actions of these machines. */
export function activityHandlers(machines: Machines): Handler[] {
  const handlers = new Map<string, Handler>();
  for (const { definition, src } of machines.activities()) {
    const type = activityType(definition.name, src);
    if (!handlers.has(type)) handlers.set(type, activityHandler(machines, type, src));
  }
  for (const definition of machines.definitions()) {
    const type = actionType(definition.name);
    if (!handlers.has(type)) handlers.set(type, actionHandler(machines, type, definition.name));
    const undoing = compensationType(definition.name);
    if (!handlers.has(undoing)) {
      handlers.set(undoing, compensationHandler(machines, undoing, definition.name));
    }
  }
  return [...handlers.values()];
}

function activityHandler(machines: Machines, type: string, src: string): Handler {
  const sources = machines.activities()
    .filter(({ definition, src }) => activityType(definition.name, src) === type);
  const newest = sources.at(-1)?.definition.actors[src] ?? {};
  const { maxAttempts, timeoutMs, baseMs, factor, capMs } = newest;
  return defineHandler({
    type,
    input: payloadSchema,
    retry: {
      ...maxAttempts === undefined ? {} : { maxAttempts },
      ...baseMs === undefined ? {} : { baseMs },
      ...factor === undefined ? {} : { factor },
      ...capMs === undefined ? {} : { capMs },
    },
    ...timeoutMs === undefined ? {} : { timeoutMs },
    handle: async ({ version, input }, context) => {
      const found = sources.find(({ definition }) => definition.version === version);
      if (!found) throw new Error(`No version "${version}" of ${type} here`);
      const logic = logicOfSource(found.source);
      return encode(await runLogic(logic, decode(input, "input"), context), "output");
    },
  });
}

/** Runs actor logic to its end; stops it, which aborts its signal, when the job is to stop. */
function runLogic(
  logic: AnyActorLogic,
  input: unknown,
  context: HandlerContext,
): Promise<unknown> {
  const { signal } = context;
  // Told to stop between two pieces of work, it begins no other: nobody would tell that one.
  if (signal.aborted) return Promise.reject(signal.reason);
  const actor = createActor(logic, { input });
  contexts.set(actor, context);
  return new Promise((resolve, reject) => {
    const over = () => signal.removeEventListener("abort", onAbort);
    const onAbort = () => {
      // First: what a stopped actor tells is not its result.
      reject(signal.reason);
      actor.stop();
    };
    actor.subscribe({
      complete() {
        over();
        resolve(actor.getSnapshot().output);
      },
      error(thrown: unknown) {
        over();
        reject(thrown);
      },
    });
    signal.addEventListener("abort", onAbort, { once: true });
    actor.start();
  });
}

function actionHandler(machines: Machines, type: string, machine: string): Handler {
  const versions = machines.definitions().filter(({ name }) => name === machine);
  return defineHandler({
    type,
    input: actionSchema,
    handle: async ({ actor: address, version, type, params, event, context }) => {
      const definition = versions.find((each) => each.version === version);
      if (!definition) throw new Error(`No version "${version}" of ${machine} here`);
      const values = { context: decode(context), event: decode(event), params: decode(params) };
      await implementationOf(definition, type)({ ...values, address });
      return null;
    },
  });
}

/** Each is undone once, as far as is known: what has been is kept as a step of the job. */
function compensationHandler(machines: Machines, type: string, machine: string): Handler {
  const versions = machines.definitions().filter(({ name }) => name === machine);
  return defineHandler({
    type,
    input: compensationSchema,
    handle: async ({ version, undo }, context) => {
      const definition = versions.find((each) => each.version === version);
      if (!definition) throw new Error(`No version "${version}" of ${machine} here`);
      const sources = sourcesOf(definition.machine);
      for (const { src, id, gen, output } of undo) {
        const source = sources.get(src);
        if (!source) throw new PermanentError(`There is no source "${src}" in ${machine}`);
        await context.step(`${id}#${gen}`, async () => {
          const input = { output: decode(output, "output") };
          return encode(await runLogic(logicOfSource(source), input, context), "output");
        });
      }
      return null;
    },
  });
}

type Implementation = (
  args: {
    readonly context: unknown;
    readonly event: unknown;
    readonly params: unknown;
    readonly address: string;
  },
) => unknown;

/** What runs for an outbox action: the function of its options, or the machine's own. */
function implementationOf(definition: MachineDefinition, type: string): Implementation {
  const given = definition.actions[type];
  if (typeof given === "object") {
    return ({ address, params }) => given.run({ address, params });
  }
  const own: unknown = definition.machine.implementations.actions[type];
  if (typeof own !== "function") throw new PermanentError(`There is no action "${type}"`);
  return ({ context, event, params }) => own({ context, event }, params);
}
