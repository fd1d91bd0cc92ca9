/** What may not reach the database, and the path by which each culprit is named. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { digitsAdded, exceedsBytes, findJsonIssue, isJson } from "../../src/core/json.ts";

/** `depth` arrays around a number. */
function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let n = 0; n < depth; n++) value = [value];
  return value;
}

class Instance {
  readonly a = 1;
}

const refused: readonly { name: string; value: unknown; path: string; says: string }[] = [
  { name: "NUL in a text", value: { a: ["x", "y\0"] }, path: "a.1", says: "NUL" },
  { name: "NUL in a key", value: { a: { "k\0": 1 } }, path: "a.(key)", says: "NUL" },
  { name: "a lone high surrogate", value: { a: "\ud800" }, path: "a", says: "well-formed" },
  { name: "a lone low surrogate", value: ["\udc00x"], path: "0", says: "well-formed" },
  { name: "a lone surrogate in a key", value: { "\ud800": 1 }, path: "(key)", says: "well-formed" },
  { name: "Infinity", value: { n: JSON.parse("1e400") }, path: "n", says: "not finite" },
  { name: "NaN", value: [[NaN]], path: "0.0", says: "not finite" },
  { name: "__proto__", value: JSON.parse('{"a":{"__proto__":{}}}'), path: "a.__proto__", says: "" },
  { name: "undefined", value: [undefined], path: "0", says: "undefined is not JSON" },
  { name: "a hole", value: { a: new Array(2) }, path: "a.0", says: "undefined is not JSON" },
  { name: "a bigint", value: { a: 1n }, path: "a", says: "bigint is not JSON" },
  { name: "a symbol", value: { a: Symbol("s") }, path: "a", says: "symbol is not JSON" },
  { name: "a function", value: { a: () => 1 }, path: "a", says: "function is not JSON" },
  { name: "a class instance", value: { a: new Instance() }, path: "a", says: "plain objects" },
  { name: "a date", value: { a: new Date(0) }, path: "a", says: "plain objects" },
  { name: "a map", value: [new Map()], path: "0", says: "plain objects" },
  { name: "a boxed text", value: { a: Object("x") }, path: "a", says: "plain objects" },
];

for (const { name, value, path, says } of refused) {
  Deno.test(`findJsonIssue() refuses ${name}, by its path`, () => {
    const issue = findJsonIssue(value);
    assertEquals(issue?.path, path);
    assert(issue?.message.includes(says), issue?.message);
    assertEquals(findJsonIssue(value, "jobs.3.payload")?.path, `jobs.3.payload.${path}`);
    assertEquals(isJson(value), false);
  });
}

Deno.test("findJsonIssue() passes over a field that is undefined, as JSON does", () => {
  assertEquals(findJsonIssue({ a: undefined, b: [{ c: undefined }] }), null);
  assertEquals(findJsonIssue({ a: undefined, b: NaN })?.path, "b");
});

Deno.test("findJsonIssue() allows 64 levels and refuses the 65th", () => {
  assertEquals(findJsonIssue(nested(64)), null);
  const issue = findJsonIssue(nested(65));
  assertEquals(issue?.path, Array(64).fill("0").join("."));
  assert(issue?.message.includes("64"));
});

Deno.test("findJsonIssue() comes back from a value that holds itself, and from a very deep one", () => {
  const ring: unknown[] = [];
  ring.push(ring);
  assert(findJsonIssue(ring));
  assert(findJsonIssue(nested(200_000)));
});

Deno.test("findJsonIssue() names the first culprit only", () => {
  assertEquals(findJsonIssue([1, NaN, "\0"])?.path, "1");
});

Deno.test("findJsonIssue() lets everything else pass that JSON can say", () => {
  const ordinary = {
    a: null,
    b: [true, -0, 1.5, "😀\t\n\x1f"],
    "": {},
    constructor: 1,
    toJSON: "x",
  };
  assertEquals(findJsonIssue(ordinary), null);
  assertEquals(findJsonIssue(Object.assign(Object.create(null), { a: 1 })), null);
  const values = fc.jsonValue({ maxDepth: 5, stringUnit: "binary" });
  fc.assert(
    fc.property(values, (value) => {
      // JSON.stringify() escapes exactly NUL (among controls) and lone surrogates in this way.
      const text = JSON.stringify(value).replaceAll("\\\\", "");
      assertEquals(isJson(value), !/\\u0000|\\ud[89a-f]|"__proto__":/.test(text));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("exceedsBytes() counts bytes of UTF-8, not characters", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 50 }),
      fc.integer({ min: 0, max: 120 }),
      (text, bytesMax) => {
        const bytes = new TextEncoder().encode(text).length;
        assertEquals(exceedsBytes(text, bytesMax), bytes > bytesMax);
      },
    ),
    { numRuns: 1000 },
  );
});

Deno.test("digitsAdded() counts what numbers grow by when they are written out, and nothing else", () => {
  assertEquals(digitsAdded(JSON.stringify([1, -2.5, 123456789, "1e+300 1e-300"])), 0);
  assertEquals(digitsAdded(JSON.stringify({ a: [1e300, -1.5e-200], "1e+9": "1e+9" })), 500);
});
