/**
 * Activities: what a machine invokes with `fromPromise`, run as jobs.
 *
 * The job's handler runs the author's function through XState itself; its result becomes the job's
 * output in the codec's form, and the statement that ends the job puts the mail into the mailbox.
 */
import { type AnyActorLogic, type AnyActorRef, createActor } from "xstate";
import { z } from "zod";
import { decode, type MachineDefinition } from "../core/actor/mod.ts";
import { storedRef } from "../core/actor/refs.ts";
import { PermanentError } from "../core/errors.ts";
import { type Source, sourcesOf } from "../core/actor/sources.ts";
import { ActivityContext, encoded, storedOutput, UndoContext } from "./activity_context.ts";
import { compensationSchema, compensationType } from "./compensating.ts";
import { type GiveUp, isOutcome, type RetryAfter, Snooze } from "../core/outcome.ts";
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

/** Who is to do it. A job from before has no hash. */
const chart = { version: z.string(), hash: z.string().optional() };

const payloadSchema = z.object({
  actor: z.string(),
  activity: z.string(),
  gen: z.number(),
  src: z.string(),
  ...chart,
  input: z.unknown(),
});

const actionSchema = z.object({
  actor: z.string(),
  ...chart,
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
  const newest = sources.at(-1)?.definition;
  const { maxAttempts, timeoutMs, baseMs, factor, capMs } = newest?.actors[src] ?? {};
  const versions = machines.versionsOf(newest?.name ?? type);
  const workIn = (definition: MachineDefinition | undefined): Source | undefined => {
    const source = definition && sourcesOf(definition.machine).get(src);
    return source?.kind === "activity" ? source : undefined;
  };
  const handler = defineHandler({
    type,
    input: payloadSchema,
    retry: {
      ...maxAttempts === undefined ? {} : { maxAttempts },
      ...baseMs === undefined ? {} : { baseMs },
      ...factor === undefined ? {} : { factor },
      ...capMs === undefined ? {} : { capMs },
    },
    ...timeoutMs === undefined ? {} : { timeoutMs },
    handle: async ({ version, hash, input }, context) => {
      const source = workIn(versions.at(version, hash));
      if (!source) return notHere(version, context);
      const logic = logicOfSource(source);
      const own = new ActivityContext(context);
      return storedOutput(await runLogic(logic, opened(input, "input"), own));
    },
  });
  return serving(handler, (partition) => {
    const definition = versions.in(partition);
    return definition === null || workIn(definition) !== undefined;
  });
}

/** A value of the actor's. Nobody is spoken to from here: actors that it names are carried along. */
function opened(json: unknown, path: string): unknown {
  return decode(json, path, storedRef);
}

/** The handler, for the partitions that it serves. Asked of each lane and each relay, so it is remembered. */
function serving(handler: Handler, serves: (partition: string) => boolean): Handler {
  const known = new Map<string, boolean>();
  return {
    ...handler,
    serves(partition) {
      if (partition === null) return true;
      let answer = known.get(partition);
      if (answer === undefined) {
        if (known.size >= REMEMBERED_MAX) known.clear();
        known.set(partition, answer = serves(partition));
      }
      return answer;
    },
  };
}

const REMEMBERED_MAX = 1_000;
/** Who has the chart may come soon, with the rest of a deployment, or be down for the night. */
const AGAIN_MS = { first: 2_000, most: 15 * 60_000 };

/** It was claimed all the same: handed back for who has its chart, each time for longer. No attempt is spent. */
function notHere(version: string, { job, log }: HandlerContext): Snooze {
  const message = `The chart that asked for it, version "${version}", is not in this program`;
  log(message, { type: job.type, version }, "warn");
  const delayMs = Math.min(AGAIN_MS.first * 2 ** Math.min(job.version, 20), AGAIN_MS.most);
  return new Snooze(delayMs, "chart_not_here");
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
  const versions = machines.versionsOf(machine);
  const handler = defineHandler({
    type,
    input: actionSchema,
    handle: async ({ actor: address, version, hash, type, params, event, context }, job) => {
      const definition = versions.at(version, hash);
      if (!definition) return notHere(version, job);
      const values = {
        context: opened(context, "context"),
        event: opened(event, "event"),
        params: opened(params, "params"),
      };
      await implementationOf(definition, type)({ ...values, address });
      return null;
    },
  });
  return serving(handler, (partition) => versions.in(partition) !== undefined);
}

/** Each is undone once, as far as is known: what has been is kept as a step of the job. */
function compensationHandler(machines: Machines, type: string, machine: string): Handler {
  const versions = machines.versionsOf(machine);
  const handler = defineHandler({
    type,
    input: compensationSchema.extend(chart),
    handle: async ({ version, hash, undo }, context) => {
      const definition = versions.at(version, hash);
      if (!definition) return notHere(version, context);
      const sources = sourcesOf(definition.machine);
      for (const [place, { src, id, gen, output }] of undo.entries()) {
        const source = sources.get(src);
        if (!source) throw new PermanentError(`There is no source "${src}" in ${machine}`);
        const own = new UndoContext(context, `${id}#${gen}`, place + 1);
        const input = { output: opened(output, "output") };
        const outcome = await undoOnce(own, () => runLogic(logicOfSource(source), input, own));
        if (outcome) return outcome;
      }
      return null;
    },
  });
  return serving(handler, (partition) => versions.in(partition) !== undefined);
}

/** Undoes one thing, unless it was undone before. Gives what says that the job is to go on otherwise. */
async function undoOnce(
  own: UndoContext,
  undo: () => Promise<unknown>,
): Promise<Snooze | RetryAfter | GiveUp | null> {
  let outcome: Snooze | RetryAfter | GiveUp | null = null;
  try {
    await own.once(async () => {
      const result = await undo();
      await own.settled();
      if (!isOutcome(result)) return encoded(result);
      // Nothing is kept: it is not undone.
      throw outcome = result;
    });
  } catch (thrown) {
    if (thrown !== outcome) throw thrown;
  }
  return outcome;
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
