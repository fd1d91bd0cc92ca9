import {
  assert,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertGreater,
  assertGreaterOrEqual,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
  unreachable,
} from "@std/assert";
import { beforeAll, beforeEach, describe, it } from "@std/testing/bdd";
import { assertSpyCalls, spy } from "@std/testing/mock";
import { FakeTime, TimeError } from "@std/testing/time";

/** The assertion must fail: an adapter that always passes would hide every bug of the project. */
function red(assertion: () => unknown, includes = ""): void {
  assertThrows(assertion, AssertionError, includes);
}

describe("@std/assert", () => {
  it("assertEquals() compares deeply and strictly", () => {
    assertEquals({ a: [1, { b: new Date(5) }] }, { a: [1, { b: new Date(5) }] });
    assertEquals(new Map([["k", [1]]]), new Map([["k", [1]]]));
    assertEquals(new Set([{ a: 1 }, { a: 2 }]), new Set([{ a: 2 }, { a: 1 }]));
    assertEquals(new Uint8Array([1, 2]), new Uint8Array([1, 2]));
    assertEquals([NaN, 0], [NaN, -0]);
    assertEquals(Object.assign(Object.create(null), { a: 1 }), { a: 1 });
    red(() => assertEquals<unknown>(1, "1"));
    red(() => assertEquals<object>({ a: undefined }, {}));
    red(() => assertEquals<object>({}, { a: undefined }));
    red(() => assertEquals<object>([1, 2], [1, 2, 3]));
    red(() => assertEquals<object>([], {}));
    red(() => assertEquals(new Date(1), new Date(2)));
    red(() => assertEquals(new Map([["k", 1]]), new Map([["k", 2]])));
    red(() => assertEquals(new Set([1, 2]), new Set([1, 3])));
    red(() => assertEquals(new Set([{ a: 1 }, { a: 1 }]), new Set([{ a: 1 }, { a: 2 }])));
    red(() => assertEquals(new Uint8Array([1, 2]), new Uint8Array([1, 3])));
    red(() => assertEquals(new URL("a:b"), new URL("a:c")));
    red(() => assertEquals(new Error("a"), new Error("b")));
    red(() => assertEquals(/a/g, /a/));
    red(() => assertEquals(null, undefined));
  });

  it("assertEquals() shows both values and the note", () => {
    const error = assertThrows(() => assertEquals({ a: 1 }, { a: 2 }, "note"), AssertionError);
    assertMatch(error.message, /Values are not equal: note\n[\s\S]*a: 1[\s\S]*a: 2/);
  });

  it("assertEquals() follows a cycle once", () => {
    const ring = (): unknown[] => {
      const values: unknown[] = [1];
      values.push(values);
      return values;
    };
    assertEquals(ring(), ring());
  });

  it("the other comparisons pass and fail where they should", () => {
    assertNotEquals({ a: 1 }, { a: 2 });
    red(() => assertNotEquals({ a: 1 }, { a: 1 }));
    assertStrictEquals(NaN, NaN);
    red(() => assertStrictEquals({}, {}), "same structure");
    red(() => assertStrictEquals(0, -0));
    assertExists(0);
    red(() => assertExists(null));
    assertMatch("abc", /b/);
    red(() => assertMatch("abc", /d/), 'match: "/d/"');
    assertStringIncludes("abc", "bc");
    red(() => assertStringIncludes("abc", "cb"));
    assertArrayIncludes([1, { a: 1 }], [{ a: 1 }]);
    red(() => assertArrayIncludes([1, 2], [3]), "missing: [ 3 ]");
    red(() => assert(0, "zero"), "zero");
    red(() => fail("why"), "Failed assertion: why");
    red(() => unreachable(), "Unreachable.");
  });

  it("the orderings know their borders", () => {
    assertGreater(2, 1);
    red(() => assertGreater(1, 1));
    assertGreaterOrEqual(1, 1);
    red(() => assertGreaterOrEqual(0, 1));
    assertLess(1, 2);
    red(() => assertLess(1, 1));
    assertLessOrEqual(1, 1);
    red(() => assertLessOrEqual(2, 1), "Expect 2 <= 1");
  });

  it("assertObjectMatch() asks for what is expected and no more", () => {
    const job = { id: "1", error: { code: "x", at: new Date(1) }, tags: ["a", "b"] };
    assertObjectMatch(job, { error: { code: "x" }, tags: ["a"] });
    red(() => assertObjectMatch(job, { error: { code: "y" } }));
    red(() => assertObjectMatch(job, { error: { at: new Date(2) } }));
    red(() => assertObjectMatch(job, { missing: undefined }));
    red(() => assertObjectMatch(job, { tags: ["a", "b", "c"] }));
    red(() => assertObjectMatch({ tags: { 0: "a" } }, { tags: ["a"] }));
  });

  it("assertThrows() returns the error and checks class and text", () => {
    assertEquals(assertThrows(() => fail("x"), AssertionError, "x").name, "AssertionError");
    red(() => assertThrows(() => 1), "Expected function to throw");
    red(() => assertThrows(() => fail(), RangeError), 'instance of "RangeError"');
    red(() => assertThrows(() => fail("x"), AssertionError, "y"), "to include");
  });

  it("assertRejects() returns the reason and checks class and text", async () => {
    const reason = new TypeError("bad x");
    const rejects = () => Promise.reject(reason);
    assertStrictEquals(await assertRejects(rejects), reason);
    assertStrictEquals(await assertRejects(rejects, TypeError, "bad"), reason);
    await assertRejects(() => assertRejects(rejects, RangeError), AssertionError, "RangeError");
    await assertRejects(() => assertRejects(rejects, TypeError, "good"), AssertionError);
    await assertRejects(() => assertRejects(() => Promise.resolve()), AssertionError, "to reject");
    const throws = () => fail("at once");
    await assertRejects(() => assertRejects(throws), AssertionError, "expected to reject");
  });
});

describe("@std/testing/bdd", () => {
  const trace: string[] = [];
  beforeAll(() => void trace.push("all"));
  beforeEach(() => void trace.push("each"));
  it("runs the hooks before the test", () => assertEquals(trace, ["all", "each"]));
  describe("nested", () => {
    it("runs the outer hooks too", () => assertEquals(trace, ["all", "each", "each"]));
  });
});

describe("@std/testing/mock", () => {
  it("spy() records arguments, results and errors", () => {
    const half = spy((n: number) => n % 2 ? fail("odd") : n / 2);
    assertEquals(half(4), 2);
    const error = assertThrows(() => half(3), AssertionError);
    assertEquals(half.calls, [{ args: [4], returned: 2 }, { args: [3], error }]);
    assertSpyCalls(half, 2);
    red(() => assertSpyCalls(half, 1), "called more than expected");
    red(() => assertSpyCalls(half, 3), "not called as much as expected");
  });
});

describe("@std/testing/time", () => {
  it("FakeTime moves only when told to, and runs what is due, in order", () => {
    using time = new FakeTime(1_000);
    const order: string[] = [];
    const push = (name: string) => () => void order.push(`${name} ${Date.now()}`);
    setTimeout(push("late"), 3_600_000);
    setTimeout(push("soon"), 10);
    clearTimeout(setTimeout(push("never"), 5));
    const interval = setInterval(push("tick"), 1_800_000);
    time.tick(9);
    assertEquals(order, []);
    time.tick(3_599_991);
    clearInterval(interval);
    time.tick(3_600_000);
    assertEquals(order, ["soon 1010", "tick 1801000", "late 3601000", "tick 3601000"]);
    assertEquals([time.now, Date.now(), time.start], [7_201_000, 7_201_000, 1_000]);
    assertThrows(() => time.now = 0, RangeError, "in the past");
  });

  it("FakeTime starts where it is told", () => {
    const at = (start: string | number | Date) => {
      using _ = new FakeTime(start);
      return new Date().toISOString();
    };
    assertEquals(at("2026-01-02T03:04:05.006Z"), "2026-01-02T03:04:05.006Z");
    assertEquals(at(new Date(7)), at(7.9));
    assertThrows(() => at("no time"), TypeError, "invalid start");
  });

  it("tickAsync() lets promises settle first", async () => {
    using time = new FakeTime(0);
    const done = spy();
    Promise.resolve().then(() => setTimeout(done, 5));
    await time.tickAsync(5);
    assertSpyCalls(done, 1);
  });

  it("next() goes to the next timer, runAll() to the last one", async () => {
    using time = new FakeTime(0);
    const chain = spy((left: number): void => {
      if (left) setTimeout(chain, 10, left - 1);
    });
    setTimeout(chain, 10, 3);
    setTimeout(chain, 10, 0);
    assert(time.next());
    assertSpyCalls(chain, 2);
    assertEquals(time.now, 10);
    time.runAll();
    assertEquals([time.now, time.next(), await time.nextAsync()], [40, false, false]);
  });

  it("AbortSignal.timeout() follows the fake time", () => {
    using time = new FakeTime(0);
    const signal = AbortSignal.timeout(30_000);
    time.tick(29_999);
    assertEquals(signal.aborted, false);
    time.tick(1);
    assertEquals([signal.aborted, signal.reason.name], [true, "TimeoutError"]);
  });

  it("restore() gives back the very same globals", async () => {
    const globals = () => [Date, setTimeout, clearTimeout, setInterval, AbortSignal.timeout];
    const before = globals();
    const time = new FakeTime(0);
    assert(globals().every((now, n) => now !== before[n]));
    assertThrows(() => new FakeTime(), TimeError, "already faked");
    await FakeTime.restoreFor(() => assert(globals().every((now, n) => now === before[n])));
    assert(globals().every((now, n) => now !== before[n]));
    time.restore();
    assert(globals().every((now, n) => now === before[n]));
    assertThrows(() => time.restore(), TimeError, "already restored");
  });
});
