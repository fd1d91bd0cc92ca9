/** Fields that people should not see: hidden wherever a schema marks them. */
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { redactorOf, sensitive } from "../../src/core/redaction.ts";

const secret = sensitive(z.string());
const schema = z.object({
  user: z.string(),
  password: secret,
  token: secret.optional(),
  cards: z.array(z.object({ number: secret, name: z.string() })),
  way: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("key"), key: secret.nullable() }),
    z.object({ kind: z.literal("none") }),
  ]),
  headers: z.record(z.string(), sensitive(z.string())).default({}),
  pair: z.tuple([z.string(), secret]).optional(),
  whole: sensitive(z.object({ deep: z.number() })).optional(),
});

Deno.test("what is marked is hidden in objects, arrays, unions, records and tuples", () => {
  const redactor = redactorOf(schema);
  assert(redactor);
  const value = {
    user: "ada",
    password: "hunter2",
    cards: [{ number: "4111", name: "Ada" }],
    way: { kind: "key", key: "k-1234" },
    headers: { authorization: "Bearer x" },
    pair: ["shown", "hidden"],
    whole: { deep: 12345 },
    unknown: "kept",
  };
  assertEquals(redactor.hide(value), {
    user: "ada",
    password: "[redacted]",
    cards: [{ number: "[redacted]", name: "Ada" }],
    way: { kind: "key", key: "[redacted]" },
    headers: { authorization: "[redacted]" },
    pair: ["shown", "[redacted]"],
    whole: "[redacted]",
    unknown: "kept",
  });
  const message = "login of ada with hunter2 and card 4111 failed: 12345";
  assertEquals(
    redactor.scrub(message, value),
    "login of ada with [redacted] and card [redacted] failed: [redacted]",
  );
});

Deno.test("marks() tells the paths at which, or below which, something is hidden", () => {
  const redactor = redactorOf(schema);
  assert(redactor);
  const marked = [
    ["password"],
    ["token", "x"],
    ["cards"],
    ["cards", "0"],
    ["cards", "-1", "number"],
    ["way"],
    ["way", "key"],
    ["headers", "authorization"],
    ["pair"],
    ["pair", "1"],
    ["whole", "deep"],
    [],
  ];
  for (const path of marked) assert(redactor.marks(path), path.join("."));
  const open = [["user"], ["cards", "0", "name"], ["way", "kind"], ["unknown"], ["toString"]];
  for (const path of open) assert(!redactor.marks(path), path.join("."));
});

Deno.test("a recursive schema, odd values, and schemas without marks", () => {
  interface Tree {
    secret: string;
    children: Tree[];
  }
  const tree: z.ZodType<Tree> = z.lazy(() =>
    z.object({ secret: sensitive(z.string()), children: z.array(tree) })
  );
  const redactor = redactorOf(tree);
  assert(redactor);
  assert(redactor.marks(["children", "0", "children", "3", "secret"]));
  assert(redactor.marks(["children"]));
  const leaf = { secret: "leaf-secret", children: [] };
  const shown = redactor.hide({ secret: "root-secret", children: [leaf] });
  assert(!JSON.stringify(shown).includes("-secret"));
  for (const odd of [null, 1, "x", [], [[1]], { secret: null }]) redactor.hide(odd);
  assertEquals(redactorOf(z.object({ a: z.string() })), null);
  assertEquals(redactorOf(z.unknown()), null);
});
