/** `PERDURA_MODULES`: a user's own handlers and machines in this program, from a folder outside of it. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { testDatabase } from "../support/database.ts";
import { openSession, perduraEach, startCommand } from "./command.ts";

const SHOP = `
import { defineHandler, defineMachine } from "perdura";
import { setup } from "xstate";
import { z } from "zod";
export const greet = defineHandler({
  type: "greet",
  input: z.strictObject({ name: z.string() }),
  handle: ({ name }) => ({ hello: name }),
});
const light = setup({}).createMachine({
  id: "light",
  initial: "red",
  states: { red: { on: { NEXT: "green" } }, green: {} },
});
const order = setup({}).createMachine({ id: "order", initial: "mine", states: { mine: {} } });
export const machines = [
  defineMachine(light, { version: "1" }),
  defineMachine(order, { version: "own" }),
];
`;

async function written(files: Readonly<Record<string, string>>) {
  const folder = await Deno.makeTempDir({ prefix: "perdura-own-" });
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  return {
    path: (name: string) => `${folder}/${name}`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

Deno.test("a module's handler runs in our worker, checked at our door; its machines have charts", async () => {
  await using db = await testDatabase();
  await using own = await written({ "shop.ts": SHOP });
  const settings = { PERDURA_MODULES: own.path("shop.ts") };
  await using _worker = startCommand(["worker"], { DATABASE_URL: db.url, ...settings });
  await using session = await openSession({ DATABASE_URL: db.url });
  const run = (...args: string[]) => session.run(args, settings);
  const ada = ["--payload", '{"name":"Ada"}', "--wait", "60", "--json"];
  const done = await run("enqueue", "greet", ...ada);
  assertEquals([done.code, JSON.parse(done.stdout).output], [0, { hello: "Ada" }]);
  const wrong = await run("enqueue", "greet", "--payload", '{"name":5}');
  assertEquals([wrong.code, wrong.lines.length], [3, 1]);
  const without = await session.run(["enqueue", "greet"]);
  assertEquals([without.code, without.lines.length], [3, 1]);
  assertStringIncludes((await run("diagram", "light")).stdout, "Statechart of light");
  // In the place of the sample of its name.
  const { stdout } = await run("diagram", "order");
  assertMatch(stdout, /data-state="[^"]*mine"/);
});

Deno.test("a module that cannot be taken is one line that names it, and exit 2", async () => {
  await using own = await written({
    "throws.ts": 'throw new Error("on its way")',
    "empty.ts": "export const nothing = 1",
    "broken.ts": "export const = 1",
    "twice.ts": SHOP.replace("export const machines = [", "export const again = { ...greet };\n$&"),
    "fleeting.ts": `
      import { defineMachine } from "perdura";
      import { setup } from "xstate";
      const chart = { id: "m", context: { f: () => 1 }, initial: "a", states: { a: {} } };
      export const m = defineMachine(setup({}).createMachine(chart), { version: "1" });`,
  });
  const cases: readonly [string, RegExp][] = [
    ["throws.ts", /throws\.ts: on its way \(at .*throws\.ts:1:7\)$/],
    ["empty.ts", /empty\.ts exports nothing that/],
    ["broken.ts", /broken\.ts: .*1:14/],
    ["twice.ts", /Two handlers of type "greet"/],
    ["fleeting.ts", /context\.f: A function cannot be stored/],
    ["away.ts", /No module/],
  ];
  await using session = await openSession();
  for (const [name, wanted] of cases) {
    const { code, lines } = await session.run(["diagram", "job"], {
      PERDURA_MODULES: own.path(name),
    });
    assertEquals([code, lines.length], [2, 1], lines.join("\n"));
    assertMatch(lines[0] ?? "", wanted);
  }
});

Deno.test("a type that actors' own jobs have is refused by worker and API, in one line", async () => {
  await using db = await testDatabase();
  await using own = await written({ "taken.ts": SHOP.replace('"greet"', '"perdura.start_actor"') });
  const settings = { DATABASE_URL: db.url, PERDURA_MODULES: own.path("taken.ts"), PORT: "0" };
  for (const { code, lines } of await perduraEach([["worker"], ["api"]], settings)) {
    assertEquals([code, lines.length], [2, 1], lines.join("\n"));
    assertMatch(
      lines[0] ?? "",
      /PERDURA_MODULES: the type "perdura\.start_actor" is an actor's own$/,
    );
  }
});
