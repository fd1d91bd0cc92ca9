/** Whatever a handler throws becomes a few kilobytes of text that PostgreSQL takes. */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { describeError, type JobError } from "../../src/core/failure.ts";
import { findJsonIssue } from "../../src/core/json.ts";
import { limits } from "../../src/core/limits.ts";

const AT = new Date("2026-01-02T03:04:05.678Z");
const BYTES_MAX = 4096;

/** Describes, and holds the result to what every stored error must be. */
function describe(thrown: unknown): JobError {
  const error = describeError(thrown, AT);
  assertLessOrEqual(new TextEncoder().encode(JSON.stringify(error)).length, BYTES_MAX);
  // NUL and lone surrogates are what `jsonb` refuses.
  assertEquals(findJsonIssue(error), null);
  assertEquals(error.at, "2026-01-02T03:04:05.678Z");
  return error;
}

function throwing(): never {
  throw new Error("from inside of the error");
}

const revoked = Proxy.revocable({}, {});
revoked.revoke();

const unreadable: readonly { name: string; thrown: unknown; message: string }[] = [
  { name: "undefined", thrown: undefined, message: "Thrown: undefined" },
  { name: "null", thrown: null, message: "Thrown: null" },
  { name: "a symbol", thrown: Symbol("s"), message: "Thrown: symbol" },
  { name: "a function", thrown: () => 1, message: "Thrown: function" },
  { name: "a plain object", thrown: { reason: 1 }, message: "Thrown: object" },
  { name: "an object without a prototype", thrown: Object.create(null), message: "Thrown: object" },
  { name: "a text", thrown: "disk full", message: "disk full" },
  { name: "an empty text", thrown: "", message: "" },
  { name: "a number", thrown: 42, message: "42" },
  { name: "a bigint", thrown: 7n, message: "7" },
  { name: "a boolean", thrown: false, message: "false" },
  {
    name: "a Proxy whose every trap throws",
    thrown: new Proxy({}, { get: throwing, has: throwing, getPrototypeOf: throwing }),
    message: "Thrown: object",
  },
  { name: "a revoked Proxy", thrown: revoked.proxy, message: "Thrown: object" },
  {
    name: "getters that throw",
    thrown: Object.defineProperties({}, {
      name: { get: throwing },
      message: { get: throwing },
      code: { get: throwing },
      retryable: { get: throwing },
    }),
    message: "Thrown: object",
  },
  {
    name: "an object that converts to text by throwing",
    thrown: { message: { toString: throwing, [Symbol.toPrimitive]: throwing } },
    message: "Thrown: object",
  },
];

for (const { name, thrown, message } of unreadable) {
  Deno.test(`describeError() describes ${name}`, () => {
    assertEquals(describe(thrown), {
      name: "Error",
      message,
      code: null,
      retryable: true,
      at: AT.toISOString(),
    });
  });
}

Deno.test("describeError() keeps name, message, code and retryable of an error, frozen or not", () => {
  const thrown = Object.assign(new TypeError("No route"), { code: "ENOENT", retryable: false });
  const expected = {
    name: "TypeError",
    message: "No route",
    code: "ENOENT",
    retryable: false,
    at: AT.toISOString(),
  };
  assertEquals(describe(thrown), expected);
  assertEquals(describe(Object.freeze(thrown)), expected);
});

Deno.test("describeError() takes only `retryable: false` itself for a wish not to retry", () => {
  const wishes = [false, undefined, null, 0, "", "false", true];
  const answers = wishes.map((retryable) => describe({ message: "m", retryable }).retryable);
  assertEquals(answers, [false, true, true, true, true, true, true]);
});

Deno.test("describeError() reads numeric codes and drops codes that are no text", () => {
  assertEquals(describe({ code: 404 }).code, "404");
  assertEquals(describe({ code: { a: 1 } }).code, null);
});

Deno.test("describeError() cuts a message of ten megabytes and says so", () => {
  const { message } = describe(new Error("x".repeat(10_000_000)));
  assert(message.startsWith("xxx") && message.endsWith("x…"), message.slice(-20));
  assert(message.length > 900, "enough is left to recognise it");
});

const heavy = [
  "é",
  "漢",
  "😀",
  '"',
  "\\",
  "\n",
  "\0",
  "\x1f",
  "\x7f",
  "\u2028",
  "\ud800",
  "\udc00",
];

for (const unit of heavy) {
  Deno.test(`describeError() bounds long texts of ${JSON.stringify(unit)}`, () => {
    for (const shift of ["", "a", "ab"]) {
      const text = shift + unit.repeat(5000);
      const error = describe({ name: text, message: text, code: text });
      assert(error.message.endsWith("…"));
      assertEquals(error.message.length, Math.floor(limits.errorMessageBytesMax / 3));
      assertEquals([error.name.length, error.code?.length], [
        limits.errorNameLengthMax,
        limits.errorNameLengthMax,
      ]);
      describe(text);
    }
  });
}

Deno.test("describeError() replaces what cannot be stored and keeps the rest", () => {
  const { message } = describe("a\0b\x07c\ud800d\te\nf😀");
  assertEquals(message, "a\uFFFDb\uFFFDc\uFFFDd\te\nf😀");
});

Deno.test("describeError() never throws, and bounds whatever it is given", () => {
  const text = fc.string({ unit: "binary", maxLength: 3000, size: "max" });
  const field = fc.oneof(text, fc.anything());
  const error = fc.record({ name: field, message: field, code: field, retryable: field }, {
    requiredKeys: [],
  });
  const thrown = fc.oneof(text, error, fc.anything({ withBigInt: true, withNullPrototype: true }));
  fc.assert(fc.property(thrown, (value) => void describe(value)), {
    numRuns: 500,
    // Making long texts shorter one by one would go on for ever.
    interruptAfterTimeLimit: 30_000,
  });
});
