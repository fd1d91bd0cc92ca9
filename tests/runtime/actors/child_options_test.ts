/** Child machines: how their work is retried, and when their actions run, is said of each. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { assign, fromPromise, setup } from "xstate";
import { createRuntime, defineMachine, MachineDefinitionError, type TransactionSql } from "perdura";
import { testDatabase } from "../../support/database.ts";

/** A machine whose child's child works and writes. */
function nested(work: () => Promise<string>) {
  const inner = setup({
    types: {} as { context: { got: string } },
    actors: { work: fromPromise<string>(work) },
    actions: { note: () => {} },
  }).createMachine({
    id: "inner",
    context: { got: "" },
    initial: "working",
    states: {
      working: {
        invoke: {
          src: "work",
          onDone: {
            target: "over",
            actions: [assign({ got: ({ event }) => event.output }), "note"],
          },
        },
      },
      over: { type: "final" },
    },
    output: ({ context }) => context.got,
  });
  const middle = setup({ actors: { inner } }).createMachine({
    id: "middle",
    initial: "waiting",
    states: {
      waiting: { invoke: { src: "inner", id: "i", onDone: "over" } },
      over: { type: "final" },
    },
  });
  return setup({ actors: { middle } }).createMachine({
    id: "outer",
    initial: "waiting",
    states: {
      waiting: { invoke: { src: "middle", id: "m", onDone: "over" } },
      over: { type: "final" },
    },
  });
}

Deno.test("a child's work has attempts of its own, and its actions may write in its turn", async () => {
  await using db = await testDatabase();
  await db.sql`create table note (actor text not null)`;
  let tries = 0;
  const machine = nested(() => {
    tries++;
    return tries < 5 ? Promise.reject(new Error("Not yet")) : Promise.resolve("done");
  });
  const run = async ({ address, sql }: { address: string; sql?: unknown }) => {
    const send: TransactionSql = Object(sql);
    await send`insert into note (actor) values (${address})`;
  };
  const inner = {
    actors: { work: { maxAttempts: 5, baseMs: 1, capMs: 1 } },
    actions: { note: { mode: "transactional", run } },
  } as const;
  const definition = defineMachine(machine, {
    version: "1",
    children: { middle: { children: { inner } } },
  });
  const machines = [definition];
  await using runtime = await createRuntime({ databaseUrl: db.url, machines, pollMs: 20 });
  runtime.work();
  await runtime.actors.start({ machine: "outer", id: "o" });
  const done = await runtime.actors.wait(null, "o", "done", { timeoutMs: 60_000 });
  assertEquals([done?.status, tries], ["done", 5]);
  const notes = await db.sql`select actor from note`;
  assertEquals(notes.map(({ actor }) => actor), ["o/m/i"]);
});

Deno.test("options of a child that is none, or of work that it has not, are refused by their path", () => {
  const machine = nested(() => Promise.resolve(""));
  const children = {
    middle: {
      actors: { work: {} },
      children: { inner: { actors: { work: { compensate: "work" } } } },
    },
    nobody: {},
  };
  const { message } = assertThrows(
    () => defineMachine(machine, { version: "1", children }),
    MachineDefinitionError,
  );
  for (
    const line of [
      'options.children.middle.actors.work: There is no source "work"',
      "options.children.middle.children.inner.actors.work.compensate: What a child",
      'options.children.nobody: There is no source "nobody"',
    ]
  ) assertStringIncludes(message, line);
});
