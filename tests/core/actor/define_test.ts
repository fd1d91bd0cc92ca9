/** `defineMachine` and the checks and findings about charts. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  and,
  createMachine,
  fromCallback,
  fromEventObservable,
  fromObservable,
  fromPromise,
  fromTransition,
  not,
  raise,
  sendTo,
  setup,
  spawnChild,
} from "xstate";
import { z } from "zod";
import {
  ActorStalledError,
  defineMachine,
  describeMachine,
  lintMachine,
  MachineDefinitionError,
  step,
  structuralHash,
} from "../../../src/core/actor/mod.ts";
import { InvalidInputError } from "../../../src/core/errors.ts";
import { breakerMachine } from "../../../machines/breaker.ts";
import { jobMachine } from "../../../machines/job.ts";
import { workerMachine } from "../../../machines/worker.ts";

const work = fromPromise(() => Promise.resolve(1));

/** The problems of a machine, as path and message. */
function problems(machine: Parameters<typeof defineMachine>[0], options = {}): string[] {
  const define = () => defineMachine(machine, { version: "1", ...options });
  const error = assertThrows(define, MachineDefinitionError);
  return error.problems.map(({ path, message }) => `${path}: ${message}`);
}

for (
  const [what, machine, path, instead] of [
    [
      "an inline invoke",
      createMachine({ id: "m", invoke: { src: work } }),
      "invoke.src",
      "setup({ actors",
    ],
    [
      "an inline spawn",
      createMachine({ id: "m", entry: spawnChild(work) }),
      "entry",
      "setup({ actors",
    ],
    [
      "fromCallback",
      createMachine({ id: "m" }, { actors: { cb: fromCallback(() => {}) } }),
      "actors.cb",
      "fromPromise",
    ],
    [
      "fromObservable",
      createMachine({ id: "m" }, {
        actors: { o: fromObservable(() => ({ subscribe: () => ({ unsubscribe() {} }) })) },
      }),
      "actors.o",
      "send events",
    ],
    [
      "fromEventObservable",
      createMachine({ id: "m" }, {
        actors: { o: fromEventObservable(() => ({ subscribe: () => ({ unsubscribe() {} }) })) },
      }),
      "actors.o",
      "send events",
    ],
    [
      "an inline fromCallback",
      createMachine({ id: "m", invoke: { src: fromCallback(() => {}) } }),
      "invoke.src",
      "setup({ actors",
    ],
    [
      "an unknown delay",
      createMachine({ id: "m", initial: "a", states: { a: { after: { soon: "a" } } } }),
      "states.a.after.soon",
      "setup({ delays })",
    ],
    [
      "an unknown delay of a raise",
      createMachine({ id: "m", entry: raise({ type: "X" }, { delay: "soon" as never }) }),
      "entry",
      "setup({ delays })",
    ],
    [
      "an unknown delay of a sendTo",
      createMachine({ id: "m", exit: [sendTo("x", { type: "X" }, { delay: "soon" as never })] }),
      "exit.0",
      "setup({ delays })",
    ],
    [
      "an unknown actor",
      createMachine({ id: "m", invoke: { src: "nobody" as never } }),
      "invoke.src",
      "setup({ actors })",
    ],
    [
      "an unknown guard",
      createMachine({ id: "m", on: { X: { guard: "maybe" as never } } }),
      "on.X.guard",
      "setup({ guards })",
    ],
    [
      "an unknown guard within others",
      createMachine({ id: "m", on: { X: { guard: and([() => true, not("maybe")]) } } } as never),
      "on.X.guard",
      "setup({ guards })",
    ],
    [
      "a function in the context",
      createMachine({ id: "m", context: { a: { f: () => 1 } } }),
      "context.a.f",
      "plain data",
    ],
    [
      "an instance from a context factory",
      createMachine({ id: "m", context: () => ({ a: [new Request("http://x")] }) }),
      "context.a.0",
      "plain data",
    ],
    ["no id", createMachine({}), "id", "name of its actors"],
  ] as const
) {
  Deno.test(`defineMachine refuses ${what}, and says what to write`, () => {
    const [only, ...others] = problems(machine);
    assert(only?.startsWith(`${path}: `), only);
    assertStringIncludes(only ?? "", instead);
    assertEquals(others, []);
  });
}

Deno.test("defineMachine tells everything at once, of child machines too", () => {
  const child = createMachine({ id: "c", invoke: { src: work } });
  const machine = setup({ actors: { child } }).createMachine({
    id: "m",
    initial: "a",
    states: { a: { after: { soon: "a" } as never } },
  });
  assertEquals(problems(machine).map((line) => line.split(":")[0]), [
    "states.a.after.soon",
    "actors.child.invoke.src",
  ]);
});

Deno.test("wrong options are told by their path", () => {
  const machine = setup({ actors: { work } }).createMachine({ id: "m" });
  const options = {
    version: "",
    unhandled: "shrug",
    actors: { work: { maxAttempts: 0 }, nobody: {} },
    actions: { audit: "sometime" },
  };
  assertEquals(problems(machine, options).map((line) => line.split(":")[0]).toSorted(), [
    "options.actions.audit",
    "options.actors.nobody",
    "options.actors.work.maxAttempts",
    "options.unhandled",
    "options.version",
  ]);
});

const approval = defineMachine(
  setup({
    types: { events: {} as { type: "APPROVE"; by: string } | { type: "REJECT" } },
    actors: {
      child: createMachine({ id: "c", entry: "note" }),
      work,
      tally: fromTransition((n) => n, 0),
    },
    delays: { patience: 1000 },
    guards: { known: ({ event }) => event.type === "APPROVE" && event.by !== "" },
    actions: { note: () => {} },
  }).createMachine({
    id: "approval",
    context: ({ input }) => ({ title: Object(input).title }),
    initial: "open",
    states: {
      open: {
        tags: "waiting",
        invoke: { src: "work", id: "w" },
        on: {
          APPROVE: { guard: "known", target: "approved", actions: "note" },
          REJECT: "rejected",
        },
        after: { patience: "rejected" },
      },
      approved: { type: "final" },
      rejected: { type: "final" },
    },
    output: ({ context }) => ({ title: context.title }),
  }),
  {
    version: "3",
    name: "sign-off",
    events: z.discriminatedUnion("type", [
      z.strictObject({ type: z.literal("APPROVE"), by: z.string().min(1) }),
      z.strictObject({ type: z.literal("REJECT") }),
      z.strictObject({ type: z.literal("POSTPONE") }),
    ]),
    input: z.strictObject({ title: z.string().default("untitled") }),
    output: z.strictObject({ title: z.string().max(10) }),
    actors: { work: { maxAttempts: 5, onExhausted: "park" } },
    actions: { note: "transactional" },
    unhandled: "reject",
  },
);

Deno.test("a definition steps with its name, version and schemas", () => {
  const { snapshot } = step(approval, { address: "a", input: {} });
  assertEquals(snapshot.machine, { name: "sign-off", version: "3", hash: approval.hash });
  assertEquals(snapshot.context, { title: "untitled" });
  const refused = (event: object) =>
    assertThrows(() => step(approval, { address: "a", snapshot, event }), InvalidInputError)
      .issues.map(({ path }) => path);
  assertEquals(refused({ type: "APPROVE", by: "" }), ["event.by"]);
  assertEquals(refused({ type: "SHRUG" }), ["event.type"]);
  const input = assertThrows(
    () => step(approval, { address: "a", input: { title: 3 } }),
    InvalidInputError,
  );
  assertEquals(input.issues[0]?.path, "input.title");
  const done = step(approval, { address: "a", snapshot, event: { type: "APPROVE", by: "ada" } });
  assertEquals([done.status, done.output], ["done", { title: "untitled" }]);
});

Deno.test("an output that does not fit its schema stalls, with the path", () => {
  const { snapshot } = step(approval, { address: "a", input: { title: "far too long a title" } });
  const error = assertThrows(
    () => step(approval, { address: "a", snapshot, event: { type: "REJECT" } }),
    ActorStalledError,
  );
  assertEquals([error.code, error.path], ["invalid_output", "output.title"]);
});

Deno.test("a definition says when its actions run, and knows its child machines", () => {
  assertEquals(approval.modeOf("note", true), "transactional");
  assertEquals([approval.modeOf("other", true), approval.modeOf("fn", false)], [
    "outbox",
    "inline",
  ]);
  const child = approval.child("child");
  assertEquals([child?.name, child?.version, child?.unhandled], ["sign-off/child", "3", "reject"]);
  assertEquals([approval.child("work"), approval.child("nobody")], [undefined, undefined]);
  assertEquals(approval.child("child"), child);
});

Deno.test("a description names states, events, delays, sources, actions and guards", () => {
  const { structure: _structure, ...told } = describeMachine(approval);
  assertEquals([told.name, told.version, told.hash], ["sign-off", "3", approval.hash]);
  assertEquals(told.states.map(({ id }) => id), [
    "approval",
    "approval.open",
    "approval.approved",
    "approval.rejected",
  ]);
  assertEquals(told.events, ["APPROVE", "REJECT"]);
  assertEquals(told.delays, ["patience"]);
  assertEquals(told.sources, [
    { src: "child", kind: "machine" },
    { src: "work", kind: "activity" },
    { src: "tally", kind: "transition" },
  ]);
  assertEquals([told.actions, told.guards], [["note"], ["known"]]);
});

Deno.test("the hash is of the structure: it changes with any of it, and with nothing else", () => {
  const base = { id: "m", initial: "a", states: { a: { on: { X: "b" } }, b: {} } };
  const hash = (config: object, implementations = {}) =>
    structuralHash(createMachine({ ...base, ...config } as never, implementations as never));
  const plain = hash({});
  assertEquals([plain.length, hash({}), hash({ description: "x", meta: {} })], [16, plain, plain]);
  assertEquals(hash({}, { guards: { g: () => true } }), plain);
  const others = [
    { initial: "b" },
    { states: { a: { on: { X: "b" } }, b: {}, c: {} } },
    { states: { b: {}, a: { on: { X: "b" } } } },
    { states: { a: { on: { Y: "b" } }, b: {} } },
    { states: { a: { on: { X: { target: "b", guard: "g" } } }, b: {} } },
    { states: { a: { on: { X: { target: "b", actions: "note" } } }, b: {} } },
    { states: { a: { on: { X: { target: "b", reenter: true } } }, b: {} } },
    { states: { a: { on: { X: "b" }, after: { 10: "b" } }, b: {} } },
    { states: { a: { on: { X: "b" }, invoke: { src: "w", id: "w" } }, b: {} } },
    { states: { a: { on: { X: "b" } }, b: { type: "final" } } },
  ].map((config) => hash(config));
  assertEquals(new Set([plain, ...others]).size, others.length + 1);
});

Deno.test("lint: what nobody reaches, what has no end, what waits for ever, what nobody handles", () => {
  const machine = createMachine({
    id: "m",
    initial: "a",
    entry: raise({ type: "NOBODY" }),
    states: {
      a: { on: { GO: "b", TRAP: "t1", STOP: "z", FORBIDDEN: {} }, exit: "unwritten" },
      b: {},
      lost: { on: { GO: "a" } },
      t1: { on: { ON: "t2" } },
      t2: { after: { 10: "t1" }, entry: { type: "unwritten", params: 1 } },
      p: { type: "parallel", states: { x: {}, y: {} } },
      z: { type: "final" },
    },
  });
  assertEquals(lintMachine(machine).map(({ code, path }) => `${code} ${path}`), [
    "unreachable m.lost",
    "unreachable m.p",
    "unreachable m.p.x",
    "unreachable m.p.y",
    "waits_for_ever m.b",
    "no_end m.t1",
    "no_end m.t2",
    "never_handled entry",
    "not_implemented states.a.exit",
    "not_implemented states.t2.entry",
  ]);
  const told = lintMachine(approval).map(({ code, path }) => `${code} ${path}`);
  assert(told.includes("never_handled events.POSTPONE"), told.join());
  const endless = createMachine({
    id: "t",
    initial: "on",
    states: { on: { on: { X: "off" } }, off: { on: { X: "on" } } },
  });
  assertEquals(lintMachine(endless).map(({ code, path }) => [code, path]), [["no_end", "t"]]);
});

Deno.test("lint has nothing to say of our own machines", () => {
  for (const machine of [jobMachine, workerMachine]) assertEquals(lintMachine(machine), []);
});

Deno.test("what is no machine, or has no options, is refused in words", () => {
  const machine = createMachine({ id: "m", initial: "a", states: { a: { type: "final" } } });
  for (const given of [{}, null, undefined, "m", { id: "m", initial: "a" }]) {
    const error = assertThrows(
      () => Reflect.apply(defineMachine, null, [given]),
      MachineDefinitionError,
    );
    assertEquals(error.problems.map(({ path }) => path), ["machine"]);
    assertStringIncludes(error.message, "createMachine");
  }
  for (const options of [undefined, null, "1", {}]) {
    const error = assertThrows(
      () => Reflect.apply(defineMachine, null, [machine, options]),
      MachineDefinitionError,
    );
    assertStringIncludes(error.problems[0]?.path ?? "", "options");
  }
  assertEquals(problems(machine, { unhandeled: "reject" }), [
    'options: Unknown option "unhandeled"; the nearest is "unhandled"',
  ]);
  assertStringIncludes(problems(machine, { events: {} }).join(), "options.events: A zod schema");
});

Deno.test("a chart that is meant to have no end says so", () => {
  const states = { a: { on: { GO: "b" } }, b: { on: { GO: "a" } } };
  const endless = (meta: Record<string, unknown>) =>
    lintMachine(createMachine({ id: "m", meta, initial: "a", states })).map(({ code }) => code);
  assertEquals(endless({}), ["no_end"]);
  assertEquals(endless({ endless: true }), []);
  assertEquals(lintMachine(breakerMachine), []);
});
