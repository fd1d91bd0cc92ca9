/** The tagged JSON: everything comes back as it was, through a text; what cannot is named. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { CodecError, decode, encode } from "../../../src/core/actor/mod.ts";

function roundTrip(value: unknown): unknown {
  return decode(JSON.parse(JSON.stringify(encode(value))));
}

const scalar = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.double(),
  fc.bigInt(),
  fc.boolean(),
  fc.constantFrom(null, undefined, -0, "\0", "\ud800", "$"),
  fc.date({ noInvalidDate: false }),
  fc.uint8Array({ maxLength: 8 }),
);

const { value: anything } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    scalar,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(
      fc.oneof(fc.constantFrom("$", "v", "type"), fc.string({ maxLength: 4 })),
      tie("value"),
      { maxKeys: 4, noNullPrototype: true },
    ).filter((record) =>
      !("__proto__" in Object.fromEntries(Object.entries(record)) &&
        Object.hasOwn(record, "__proto__"))
    ),
    fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 3 }).map((pairs) => new Map(pairs)),
    fc.array(tie("value"), { maxLength: 3 }).map((items) => new Set(items)),
  ),
}));

Deno.test("any value comes back as it was, and its text holds nothing that jsonb refuses", () => {
  fc.assert(
    fc.property(anything, (value) => {
      const json = JSON.stringify(encode(value));
      assert(!json.includes("\\u0000") || /\\\\u0000/.test(json));
      assert(!/(?<!\\)\\u(?:0000|d[89a-f])/i.test(json), json);
      assertEquals(decode(JSON.parse(json)), value);
    }),
    { numRuns: Deno.env.get("TEST_SIZE") === "long" ? 20_000 : 1000 },
  );
});

Deno.test("plain JSON is its own form, a copy", () => {
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
    fc.pre(!JSON.stringify(value).includes('"$"') && !JSON.stringify(value).includes("__proto__"));
    const text = JSON.stringify(encode(value));
    // JSON has no minus zero, so what it reads as one is 0.
    const marked = JSON.stringify(value, (_, inner) => Object.is(inner, -0) ? "minus zero" : inner);
    if (!marked.includes("minus zero")) {
      assertEquals(JSON.parse(text), JSON.parse(JSON.stringify(value)));
    }
    assertEquals(decode(JSON.parse(text)), value);
  }));
  const inner = { a: [1] };
  const copy = Object(encode(inner));
  inner.a.push(2);
  assertEquals(copy, { a: [1] });
});

Deno.test("minus zero, NaN, the infinities, holes and undefined fields survive", () => {
  const value = { a: -0, b: Number.NaN, c: [Infinity, -Infinity], d: undefined, e: [, 1] };
  const back = Object(roundTrip(value));
  assert(Object.is(back.a, -0) && Number.isNaN(back.b));
  assertEquals(back.c, [Infinity, -Infinity]);
  assert("d" in back && back.d === undefined);
  assertEquals(back.e.length, 2);
});

Deno.test("errors keep class, name, message, stack, cause and fields; what of them has no form is left out", () => {
  const error = Object.assign(new TypeError("no", { cause: new RangeError("deep") }), {
    code: "E_NO",
    response: { send: () => {} },
  });
  const back = roundTrip(error);
  assert(back instanceof TypeError && back.cause instanceof RangeError);
  assertEquals([back.message, Reflect.get(back, "code"), "response" in back], [
    "no",
    "E_NO",
    false,
  ]);
  assertEquals(back.stack, error.stack?.slice(0, 2000));
  class OwnError extends Error {
    override name = "OwnError";
  }
  const own = roundTrip(new OwnError("mine"));
  assert(own instanceof Error && own.name === "OwnError" && !Object.keys(own).includes("message"));
  const broken = Object.defineProperty(new Error("x"), "boom", {
    enumerable: true,
    get: () => {
      throw new Error("getter");
    },
  });
  assertEquals(Object(roundTrip(broken)).message, "x");
});

Deno.test("regular expressions, addresses and bytes survive", () => {
  const back = Object(
    roundTrip({ r: /a+\/b/giu, u: new URL("https://a.b/c?d=1#e"), b: new Uint8Array([0, 255]) }),
  );
  assertEquals([back.r.source, back.r.flags, back.u.href], [
    "a+\\/b",
    "giu",
    "https://a.b/c?d=1#e",
  ]);
  assertEquals(back.b, new Uint8Array([0, 255]));
});

Deno.test("a client's text cannot pass for an encoded value", () => {
  for (const kind of ["Date", "Map", "Error", "ActorRef", "Object", "undefined", "RegExp"]) {
    const value = { $: kind, v: "x" };
    assertEquals(roundTrip(value), value);
    assertEquals(roundTrip({ deep: [value] }), { deep: [value] });
  }
});

const circle: Record<string, unknown> = { name: "c" };
circle.list = [{ circle }];
class Money {
  constructor(readonly cents: number) {}
}

for (
  const [what, value, path, reason] of [
    ["a function", { a: { b: [0, () => 1] } }, "root.a.b.1", "function"],
    ["a symbol", { s: Symbol("x") }, "root.s", "symbol"],
    ["a symbol as a key", { a: { [Symbol("x")]: 1 } }, "root.a", "symbol"],
    ["an instance of a class", { cart: { total: new Money(3) } }, "root.cart.total", "Money"],
    ["a promise", [Promise.resolve()], "root.0", "Promise"],
    ["a weak map", { w: new WeakMap() }, "root.w", "WeakMap"],
    ["an instance inside a map", { m: new Map([["k", new Money(1)]]) }, "root.m.0.1", "Money"],
    ["a NUL in a key", { "a\0": 1 }, "root", "key"],
    ["__proto__ as a key", JSON.parse('{"a":{"__proto__":{"x":1}}}'), "root.a", "key"],
    ["a cycle", circle, "root.list.0.circle.list.0.…", "cycle"],
  ] as const
) {
  Deno.test(`${what} is refused, with its path`, () => {
    const error = assertThrows(() => encode(value, "root"), CodecError);
    assertEquals(error.path, path);
    assert(error.message.includes(reason), error.message);
  });
}

Deno.test("damaged JSON is refused with its path, and __proto__ never gets through", () => {
  for (
    const [json, path] of [
      [{ a: { $: "BigInt", v: "x" } }, "a"],
      [[{ $: "RegExp", v: ["(", ""] }], "0"],
      [{ a: { $: "Map", v: 3 } }, "a"],
      [{ a: { $: "URL", v: "nowhere" } }, "a"],
      [{ a: { $: "ActorRef", v: { address: "x" } } }, "a"],
      [JSON.parse('{"a":[{"__proto__":{"polluted":true}}]}'), "a.0"],
    ] as const
  ) {
    assertEquals(assertThrows(() => decode(json), CodecError).path, path, JSON.stringify(json));
  }
  assertEquals(Reflect.get({}, "polluted"), undefined);
});
