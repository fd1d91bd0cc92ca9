/** Ids: their form, their order, and what happens when the clock does not help. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import type { Clock } from "../../src/core/clock.ts";
import { idMaker, isUuid, newId, newJobId, tagOf, tenantTag } from "../../src/core/id.ts";

const V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const START_MS = 1_700_000_000_000;

/** A clock that shows what it is told. */
function clockAt(startMs: number): Clock & { ms: number } {
  const clock = { ms: startMs, now: () => clock.ms, monotonic: () => clock.ms };
  return clock;
}

/** The millisecond inside of an id. */
function timeOf(id: string): number {
  return parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

function assertRising(ids: readonly string[]): void {
  ids.forEach((id, n) => assert(n === 0 || (ids[n - 1] ?? "") < id, `${ids[n - 1]} then ${id}`));
}

Deno.test("newId() makes UUIDs of version 7", () => {
  const id = newId();
  assertMatch(id, V7);
  assert(isUuid(id));
});

Deno.test("idMaker() writes the clock's millisecond and the random bits into the id", () => {
  const make = idMaker(clockAt(START_MS), () => 0);
  assertEquals(make(), "018bcfe5-6800-7000-8000-000000000000");
  const full = idMaker(clockAt(START_MS), () => 1 - 2 ** -53);
  assertEquals(full(), "018bcfe5-6800-7000-bfff-ffffffffffff");
});

Deno.test("idMaker() rises within one millisecond, whatever the random bits are", () => {
  let calls = 0;
  const make = idMaker(clockAt(START_MS), () => calls++ % 2 === 0 ? 0.999 : 0);
  const ids = Array.from({ length: 1000 }, make);
  assertRising(ids);
  assertEquals(new Set(ids.map(timeOf)), new Set([START_MS]));
});

Deno.test("idMaker() borrows the next millisecond when 4,096 ids are not enough", () => {
  const clock = clockAt(START_MS);
  const make = idMaker(clock);
  const ids = Array.from({ length: 4096 * 2 + 1 }, make);
  assertRising(ids);
  assertEquals([ids[4095], ids[4096], ids[8192]].map((id) => timeOf(id ?? "")), [
    START_MS,
    START_MS + 1,
    START_MS + 2,
  ]);
  for (const id of ids) assertMatch(id, V7);
  clock.ms += 10;
  assertEquals(timeOf(make()), START_MS + 10);
});

Deno.test("idMaker() rises while the clock jumps about", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -5000, max: 5000 }), { maxLength: 200 }), (jumps) => {
      const clock = clockAt(START_MS);
      const make = idMaker(clock);
      assertRising(jumps.map((jumpMs) => {
        clock.ms += jumpMs;
        return make();
      }));
    }),
  );
});

Deno.test("idMaker() ends an id with the tag that was asked for, and with a random one otherwise", () => {
  const make = idMaker(clockAt(START_MS), () => 0.5);
  const ids = [0, 1, 0xabc, 4095].map((tag) => make(tag));
  assertEquals(ids.map((id) => id.slice(-3)), ["000", "001", "abc", "fff"]);
  assertEquals(ids.map(tagOf), [0, 1, 0xabc, 4095]);
  for (const id of ids) assertMatch(id, V7);
  assertRising(ids);
  assertEquals(tagOf(make()), 2048);
});

Deno.test("newJobId() leads back to the tag of its tenant", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (tenantId) => {
    const tag = tenantTag(tenantId);
    assert(Number.isInteger(tag) && tag >= 0 && tag < 4096, `${tag}`);
    const id = newJobId(tenantId);
    assertMatch(id, V7);
    assertEquals(tagOf(id), tag);
  }));
});

Deno.test("tenantTag() does not change: it stands in every stored id", () => {
  assertEquals(["default", "acme", ""].map(tenantTag), [2937, 3647, 430]);
});

Deno.test("isUuid() takes any version in either case, and nothing else", () => {
  const id = "018BCFE5-6800-4000-8000-00000000000a";
  assert(isUuid(id));
  const wrong = ["", "x", `${id}0`, ` ${id}`, `${id}\n`, `{${id}}`, id.replaceAll("-", "")];
  assertEquals(wrong.filter(isUuid), []);
});
