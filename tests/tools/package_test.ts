/** The package for Node: its types hold in a strict project, and its JavaScript runs there. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { setup } from "xstate";
import { z } from "zod";
import { createApp, createRuntime, defineHandler, defineMachine } from "perdura";
import { compile, installPackages, writePackage } from "../../tools/package.ts";
import { testDatabase } from "../support/database.ts";

const greet = defineHandler({
  type: "greet",
  input: z.strictObject({ name: z.string() }),
  handle: ({ name }) => ({ text: `Hello ${name}` }),
});
const door = defineMachine(
  setup({}).createMachine({
    id: "door",
    initial: "shut",
    states: { shut: { on: { OPEN: "open" } }, open: { on: { SHUT: "shut" } } },
  }),
  { version: "1" },
);

Deno.test("a strict project of Node type-checks against the package, and runs", async () => {
  const work = await Deno.makeTempDir({ prefix: "perdura-package-" });
  try {
    await installPackages(work, NODE_TYPES);
    await writePackage(join(work, "node_modules/perdura"), work);
    const program = new URL("./consumer.ts", import.meta.url);
    await Deno.copyFile(program, join(work, "consumer.ts"));
    for (const [module, moduleResolution] of [["esnext", "bundler"], ["node16", "node16"]]) {
      await compile(work, { ...STRICT, module, moduleResolution }, ["consumer.ts"]);
    }
    assertEquals(await answerOf(join(work, "consumer.js")), {
      text: "Hello Ada",
      state: "shut",
      accepts: ["OPEN"],
      code: "unknown_type",
      stepped: "open",
    });
  } finally {
    await Deno.remove(work, { recursive: true });
  }
});

/** Exact: they are in no lock. */
const NODE_TYPES = { "@types/node": "22.20.5" };
const STRICT = {
  ...{ strict: true, skipLibCheck: true, exactOptionalPropertyTypes: true },
  ...{ target: "es2022", lib: ["esnext"], types: ["node"] },
};

/** What the program prints, with the API of a worker to talk to. */
async function answerOf(program: string): Promise<unknown> {
  await using db = await testDatabase();
  await using runtime = await createRuntime({
    ...{ databaseUrl: db.url, handlers: [greet], machines: [door], pollMs: 50 },
  });
  const { fetch } = createApp(runtime);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, fetch);
  runtime.work();
  try {
    const args = [program, `http://127.0.0.1:${server.addr.port}`];
    const { success, stdout, stderr } = await new Deno.Command("node", { args }).output();
    assert(success, new TextDecoder().decode(stderr));
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await server.shutdown();
  }
}
