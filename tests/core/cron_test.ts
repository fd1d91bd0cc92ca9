/** Fire times: across changes of the clock, in every zone, for patterns that a client might send. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { isTimeZone, nextFire, nextFires } from "../../src/core/cron.ts";
import { InvalidInputError } from "../../src/core/errors.ts";

interface Case {
  readonly what: string;
  readonly cron: string;
  readonly zone: string;
  readonly after: string;
  readonly fires: readonly string[];
}

/** Gap: the first valid instant. Overlap: once. A pattern with `*` in its hours keeps its rhythm. */
const table: readonly Case[] = [
  {
    what: "a time in the gap",
    cron: "30 2 * * *",
    zone: "Europe/Berlin",
    after: "2026-03-28T12:00:00Z",
    fires: ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
  },
  {
    what: "two times in the gap are one",
    cron: "15,45 2 * * *",
    zone: "America/New_York",
    after: "2026-03-07T12:00:00Z",
    fires: ["2026-03-08T07:00:00Z", "2026-03-09T06:15:00Z"],
  },
  {
    what: "midnight in the gap",
    cron: "0 0 * * *",
    zone: "America/Sao_Paulo",
    after: "2018-11-03T12:00:00Z",
    fires: ["2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"],
  },
  {
    what: "a gap of half an hour",
    cron: "15 2 * * *",
    zone: "Australia/Lord_Howe",
    after: "2026-10-03T00:00:00Z",
    fires: ["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
  },
  {
    what: "a time that comes twice",
    cron: "30 2 * * *",
    zone: "Europe/Berlin",
    after: "2026-10-24T12:00:00Z",
    fires: ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
  },
  {
    what: "a time that comes twice in half an hour",
    cron: "45 1 * * *",
    zone: "Australia/Lord_Howe",
    after: "2026-04-04T00:00:00Z",
    fires: ["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"],
  },
  {
    what: "asked between the two",
    cron: "30 2 * * *",
    zone: "Europe/Berlin",
    after: "2026-10-25T00:45:00Z",
    fires: ["2026-10-26T01:30:00Z"],
  },
  {
    what: "every half hour over the gap",
    cron: "*/30 * * * *",
    zone: "Europe/Berlin",
    after: "2026-03-29T00:15:00Z",
    fires: ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"],
  },
  {
    what: "every half hour over the overlap",
    cron: "*/30 * * * *",
    zone: "Europe/Berlin",
    after: "2026-10-25T00:15:00Z",
    fires: ["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"],
  },
  {
    what: "seconds",
    cron: "15,45 0 12 * * *",
    zone: "UTC",
    after: "2026-01-01T12:00:15Z",
    fires: ["2026-01-01T12:00:45Z", "2026-01-02T12:00:15Z"],
  },
  {
    what: "the last day of a month",
    cron: "0 0 L * *",
    zone: "Asia/Kathmandu",
    after: "2028-02-10T00:00:00Z",
    fires: ["2028-02-28T18:15:00Z", "2028-03-30T18:15:00Z"],
  },
  {
    what: "a day that only leap years have",
    cron: "0 0 29 2 *",
    zone: "UTC",
    after: "2026-01-01T00:00:00Z",
    fires: ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"],
  },
];

for (const { what, cron, zone, after, fires } of table) {
  Deno.test(`nextFires(): ${what} (${cron} in ${zone})`, () => {
    const times = nextFires({ cron, timeZone: zone }, Date.parse(after), fires.length);
    assertEquals(times, fires.map((text) => Date.parse(text)));
  });
}

Deno.test("nextFires() of a pattern that never fires are none", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  assertEquals(nextFires({ cron: "0 0 30 2 *", timeZone: "UTC" }, now, 3), []);
  assertEquals(nextFires({ cron: "0 0 0 1 1 * 2020", timeZone: "UTC" }, now, 3), []);
  assertEquals(nextFires({ cron: "0 0 0 1 1 * 2027", timeZone: "UTC" }, now, 3).length, 1);
});

Deno.test("nextFire() refuses what is no pattern, and zones that are none", () => {
  const wrong = [
    "",
    "* * *",
    "61 * * * *",
    "@sometimes",
    "2027-01-01T00:00:00",
    "a b c d e",
    "0 0 0 0 0",
  ];
  for (const cron of wrong) {
    const error = assertThrows(() => nextFire({ cron, timeZone: "UTC" }, 0), InvalidInputError);
    assertEquals(error.issues.map(({ path }) => path), ["cron"], cron);
  }
  for (const timeZone of ["Mars/Phobos", "", "+02:00", "Europe/Berlin "]) {
    assert(!isTimeZone(timeZone));
    const error = assertThrows(
      () => nextFire({ cron: "0 0 * * *", timeZone }, 0),
      InvalidInputError,
    );
    assertEquals(error.issues.map(({ path }) => path), ["timeZone"], timeZone);
  }
});

/** Zones with every kind of change: whole hours, half ones, at midnight, none. */
const zones = fc.constantFrom(
  ...["Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe"],
  ...["Africa/Cairo", "Asia/Beirut", "America/Santiago", "Africa/Casablanca", "Asia/Kolkata"],
  ...["Pacific/Chatham", "America/St_Johns", "Asia/Tehran", "UTC", "Europe/Dublin", "Asia/Gaza"],
);
const instants = fc.integer({
  min: Date.parse("2000-01-01T00:00:00Z"),
  max: Date.parse("2036-01-01T00:00:00Z"),
});

Deno.test("a daily time fires once a day in any zone and year: in a gap at its end", () => {
  const times = fc.record({ hour: fc.nat(23), minute: fc.nat(59) });
  fc.assert(
    fc.property(zones, times, instants, (zone, { hour, minute }, after) => {
      const fires = nextFires({ cron: `${minute} ${hour} * * *`, timeZone: zone }, after, 400);
      const wall = wallClock(zone);
      const wanted = hour * 60 + minute;
      const days = new Set<string>();
      for (const fire of fires) {
        const { day, minutes } = wall(fire);
        assert(!days.has(day), `twice on ${day} in ${zone}`);
        days.add(day);
        if (minutes === wanted) {
          // Of two equal times the first: an hour before it was another one.
          const isSecond = [30, 60].some((back) => wall(fire - back * 60_000).minutes === wanted);
          assert(!isSecond, `the second ${hour}:${minute} of ${day} in ${zone}`);
        } else {
          const before = wall(fire - 1_000);
          const isPast = before.day !== day || before.minutes < wanted;
          assert(minutes > wanted && isPast, `not the end of a gap: ${day} in ${zone}`);
        }
      }
      for (let n = 1; n < fires.length; n++) {
        assert(
          (fires[n] ?? 0) - (fires[n - 1] ?? 0) <= 26 * 3_600_000,
          `a day without, in ${zone}`,
        );
      }
    }),
    { numRuns: 30 },
  );
});

Deno.test("every quarter of an hour comes after a quarter of an hour, whatever clocks do", () => {
  fc.assert(
    fc.property(zones, instants, (timeZone, after) => {
      const fires = nextFires({ cron: "*/15 * * * *", timeZone }, after, 200);
      for (let n = 1; n < fires.length; n++) {
        assertEquals((fires[n] ?? 0) - (fires[n - 1] ?? 0), 900_000);
      }
    }),
    { numRuns: 30 },
  );
});

Deno.test("an interval is counted from its anchor, and is always ahead", () => {
  const spans = fc.integer({ min: 1_000, max: 400 * 86_400_000 });
  fc.assert(
    fc.property(instants, instants, spans, (anchorMs, after, everyMs) => {
      const fire = nextFire({ everyMs, anchorMs }, after) ?? NaN;
      assert(fire > after || fire === anchorMs);
      assertEquals((fire - anchorMs) % everyMs, 0);
      assert(fire - after <= everyMs || fire === anchorMs);
    }),
  );
});

/** What a clock on the wall shows, to the minute. */
function wallClock(timeZone: string) {
  const format = new Intl.DateTimeFormat("en-CA", {
    ...{ timeZone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit" },
    ...{ hour: "2-digit", minute: "2-digit" },
  });
  return (at: number) => {
    const part = Object.fromEntries(
      format.formatToParts(at).map(({ type, value }) => [type, value]),
    );
    return {
      day: `${part.year}-${part.month}-${part.day}`,
      minutes: Number(part.hour) * 60 + Number(part.minute),
    };
  };
}
