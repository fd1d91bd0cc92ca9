/** The small hashes: ranges, repeatability, and the lanes made of them. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { hash64, unitHash } from "../../src/core/hash.ts";
import { laneKey } from "../../src/core/lane.ts";

Deno.test("unitHash() lies in [0, 1) and depends on the text alone", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const value = unitHash(text);
    assert(value >= 0 && value < 1, `${value}`);
    assertEquals(unitHash(text), value);
  }));
});

Deno.test("hash64() gives a decimal that PostgreSQL reads as a bigint", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const value = BigInt(hash64(text));
    assertEquals(BigInt.asIntN(64, value), value);
    assertEquals(value.toString(), hash64(text));
  }));
});

Deno.test("hash64() does not change: lanes and payload hashes are stored", () => {
  assertEquals(hash64(""), "1940644084440620216");
  assertEquals(hash64("default\ndebug.noop\n\n"), "-7240685386492540011");
  assertEquals(unitHash("job:1"), 493731389 / 2 ** 32);
});

Deno.test("hash64() is cyrb53 with all of its bits: the halves of its author's examples", () => {
  const hex = (text: string) => BigInt.asUintN(64, BigInt(hash64(text))).toString(16);
  assertEquals(hex("a"), "82c97901501c2ba7");
  assertEquals(hex("b"), "c254d2bf459eda5b");
});

Deno.test("hash64() tells a hundred thousand names apart", () => {
  const hashes = new Set(Array.from({ length: 100_000 }, (_, n) => hash64(`name ${n}`)));
  assertEquals(hashes.size, 100_000);
});

Deno.test("laneKey() depends on queue, type and partition, and on which is which", () => {
  const lane = { queue: "a", type: "b", partitionKey: "c" };
  assertEquals(laneKey(lane), laneKey({ ...lane }));
  const others = [
    { queue: "b", type: "a", partitionKey: "c" },
    { queue: "a", type: "c", partitionKey: "b" },
    { queue: "a", type: "b", partitionKey: null },
    { queue: "a", type: "b", partitionKey: "" },
    { queue: "ab", type: "", partitionKey: "c" },
  ];
  const keys = [lane, ...others].map(laneKey);
  assertEquals(new Set(keys).size, keys.length);
});

Deno.test("laneKey() of jobs in turn is that of each alone", () => {
  const lane = { queue: "a", type: "b", partitionKey: "c", limitKey: null, orderingKey: null };
  const others = [
    { ...lane, queue: "x" },
    { ...lane, type: "x" },
    { ...lane, partitionKey: "x" },
    { ...lane, limitKey: "x" },
    { ...lane, orderingKey: "x" },
  ];
  const keys = others.map((other) => [laneKey(other), laneKey(lane)]);
  assertEquals(new Set(keys.map(([key]) => key)).size, others.length);
  for (const [other, key] of keys) {
    assertEquals(key, laneKey(lane));
    assertNotEquals(other, key);
  }
});

Deno.test("laneKey() gives the same key after more lanes than it remembers", () => {
  const first = { queue: "q", type: "t", partitionKey: null };
  const key = laneKey(first);
  for (let n = 0; n < 10_001; n++) laneKey({ ...first, partitionKey: `p${n}` });
  assertEquals(laneKey(first), key);
  assertNotEquals(laneKey({ ...first, partitionKey: "p0" }), key);
});
