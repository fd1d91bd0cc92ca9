/** What is due of a schedule, and what of that fires: missed fire times, by policy. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InvalidInputError } from "../../src/core/errors.ts";
import { dueAt, dueOf, parseSchedule, type ScheduleInput } from "../../src/core/schedule.ts";

const now = Date.parse("2026-06-01T12:00:00Z");
const minute = 60_000;

function due(policy: Partial<ScheduleInput>, behindMs: number, everyMs = minute) {
  const definition = parseSchedule({ everyMs, type: "debug.noop", ...policy }, now);
  const rhythm = { everyMs, anchorMs: 0 };
  const first = now - behindMs;
  return dueAt(definition, rhythm, first, now);
}

function ages(fires: readonly number[]): number[] {
  return fires.map((fire) => (now - fire) / minute);
}

interface Case {
  readonly what: string;
  readonly policy: Partial<ScheduleInput>;
  readonly behindMs: number;
  /** Ages of what fires, in minutes. */
  readonly fires: readonly number[];
  readonly missed: number;
}

const table: readonly Case[] = [
  { what: "on time", policy: { missed: "skip" }, behindMs: 0, fires: [0], missed: 0 },
  { what: "latest: one for all", policy: {}, behindMs: 5 * minute, fires: [0], missed: 5 },
  {
    what: "skip: what is over is over",
    policy: { missed: "skip" },
    behindMs: 5 * minute,
    fires: [0],
    missed: 5,
  },
  {
    what: "all: each",
    policy: { missed: "all" },
    behindMs: 5 * minute,
    fires: [5, 4, 3, 2, 1, 0],
    missed: 0,
  },
  {
    what: "all, no more than maxCatchUp: the newest",
    policy: { missed: "all", maxCatchUp: 2 },
    behindMs: 5 * minute,
    fires: [1, 0],
    missed: 4,
  },
  {
    what: "all, none later than maxLatenessMs",
    policy: { missed: "all", maxLatenessMs: 3 * minute },
    behindMs: 5 * minute,
    fires: [3, 2, 1, 0],
    missed: 2,
  },
];

for (const { what, policy, behindMs, fires, missed } of table) {
  Deno.test(`dueAt(): ${what}`, () => {
    const found = due(policy, behindMs);
    assertEquals(ages(found.fires), fires);
    assertEquals(found.missed?.count ?? 0, missed);
    assertEquals(found.next, now + minute);
  });
}

Deno.test("dueAt(): a nightly run that nobody started in time, by policy", () => {
  const day = 24 * 60 * minute;
  const at = (policy: Partial<ScheduleInput>) => {
    const { fires, late } = due(policy, 90 * minute, day);
    return [ages(fires), fires.map((fire) => late.has(fire))];
  };
  assertEquals(at({ missed: "skip" }), [[], []]);
  assertEquals(at({ missed: "latest" }), [[90], [true]]);
  assertEquals(at({ missed: "latest", maxLatenessMs: 60 * minute }), [[], []]);
  assertEquals(at({ missed: "all" }), [[90], [true]]);
  assertEquals(at({ missed: "skip", maxLatenessMs: 100 * minute }), [[90], [true]]);
});

Deno.test("dueAt() of a second's schedule that is a year behind is quick, and keeps the newest", () => {
  const year = 365 * 24 * 60 * minute;
  const { fires, missed, next } = due({ missed: "all", maxCatchUp: 3 }, year, 1_000);
  assertEquals(fires.map((fire) => now - fire), [2_000, 1_000, 0]);
  assertEquals(missed, { first: now - year, count: year / 1_000 + 1 - 3, isExact: true });
  assertEquals(next, now + 1_000);
});

Deno.test("dueAt() says when a pattern has missed more than it has counted", () => {
  const rhythm = { cron: "* * * * * *", timeZone: "UTC" };
  const definition = parseSchedule({ ...rhythm, type: "debug.noop" }, now);
  for (const [minutes, isExact] of [[30, true], [60, true], [24 * 60, false]] as const) {
    const { missed } = dueAt(definition, rhythm, now - minutes * minute, now);
    assertEquals(missed?.isExact, isExact, `${minutes} minutes`);
    if (isExact) assertEquals(missed?.count, minutes * 60);
    else assert((missed?.count ?? 0) < minutes * 60);
  }
});

Deno.test("dueAt() of a minute's schedule that is days behind keeps the newest as well", () => {
  for (const days of [1, 2, 3, 30]) {
    const { fires, next } = due({ missed: "all", maxCatchUp: 100 }, days * 24 * 60 * minute);
    assertEquals(ages(fires), Array.from({ length: 100 }, (_, n) => 99 - n), `${days} days`);
    assertEquals(next, now + minute);
  }
});

Deno.test("dueAt() never fires what is not due, never twice, and always moves on", () => {
  const policies = fc.record({
    missed: fc.constantFrom("skip", "latest", "all"),
    maxCatchUp: fc.integer({ min: 1, max: 20 }),
    maxLatenessMs: fc.option(fc.integer({ min: 0, max: 100 * minute })),
    behindMs: fc.integer({ min: 0, max: 200 * minute }),
    everyMs: fc.integer({ min: 1_000, max: 90 * minute }),
  });
  fc.assert(
    fc.property(policies, ({ behindMs, everyMs, ...policy }) => {
      const definition = parseSchedule({ type: "debug.noop", everyMs, ...policy }, now);
      const first = now - behindMs;
      const found = dueAt(definition, { everyMs, anchorMs: first }, first, now);
      assert(found.fires.every((fire) => fire >= first && fire <= now));
      assertEquals(new Set(found.fires).size, found.fires.length);
      assert(found.fires.length <= (policy.missed === "all" ? policy.maxCatchUp : 1));
      assert(found.next !== null && found.next > now && found.next <= now + everyMs);
      if (policy.maxLatenessMs === null) assert(policy.missed === "skip" || found.fires.length > 0);
    }),
  );
});

Deno.test("dueOf() gives every process the same jitter, within its bound", () => {
  const times = Array.from({ length: 1_000 }, (_, n) => n * minute);
  const shifts = times.map((time) => dueOf("default\nreport", time, 5_000) - time);
  assert(shifts.every((shift) => shift >= 0 && shift <= 5_000));
  assert(new Set(shifts).size > 500);
  assertEquals(shifts, times.map((time) => dueOf("default\nreport", time, 5_000) - time));
});

Deno.test("parseSchedule() refuses what contradicts itself, each by its path", () => {
  const cases: readonly [Record<string, unknown>, readonly string[]][] = [
    [{ type: "a" }, ["cron"]],
    [{ type: "a", cron: "* * * * *", everyMs: 1_000 }, ["everyMs"]],
    [{ type: "a", everyMs: 1_000, timeZone: "UTC" }, ["timeZone"]],
    [{ cron: "* * * * *" }, ["type"]],
    [{ cron: "* * * * *", type: "a", machine: "b" }, ["machine"]],
    [{ cron: "* * * * *", type: "a", input: {} }, ["input"]],
    [{ cron: "* * * * *", machine: "a", payload: {} }, ["payload"]],
    [{ cron: "* * * * *", machine: "a", queue: "b", tags: ["c"] }, ["queue", "tags"]],
    [{ cron: "* * * * *", type: "a", timeZone: "Mars/Phobos" }, ["timeZone"]],
    [{ cron: "0 0 30 2 *", type: "a" }, ["cron"]],
    [{ cron: "nonsense", type: "a" }, ["cron"]],
    [{ cron: "* * * * *", type: "a", jitterMs: 60_000 }, ["jitterMs"]],
    [{ everyMs: 999, type: "a" }, ["everyMs"]],
    [{ everyMs: 1_000, type: "a", overlap: "sometimes" }, ["overlap"]],
    [{ everyMs: 1_000, type: "a", missed: "some" }, ["missed"]],
    [{ everyMs: 1_000, type: "a", maxCatchUp: 0 }, ["maxCatchUp"]],
    [{ everyMs: 1_000, type: "a", unknown: 1 }, ["unknown"]],
  ];
  for (const [input, paths] of cases) {
    const error = assertThrows(() => parseSchedule(input, now), InvalidInputError);
    assertEquals(error.issues.map(({ path }) => path), paths, JSON.stringify(input));
  }
});
