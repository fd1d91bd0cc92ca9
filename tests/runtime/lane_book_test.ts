/** Turns: every tenant and every lane is asked, however few slots are free. */
import { assertEquals } from "@std/assert";
import { LaneBook } from "../../src/runtime/lane_book.ts";
import { HEAD } from "../../src/runtime/lane_keys.ts";
import type { ClaimedJob, Lane } from "../../src/store/store.ts";

const NO_KEYS = { limitKey: null, isOrdered: false };
const still = { now: () => 0, monotonic: () => 1000 };

function lane(tenantId: string, name: string, priority = 0): Lane {
  return { tenantId, lane: name, priority, queue: "q", type: "t", partitionKey: null, ...NO_KEYS };
}

function book(lanes: readonly Lane[]): LaneBook {
  const made = new LaneBook(still, () => 0.5, 1000);
  made.refresh(lanes);
  return made;
}

/** How often each lane is asked, and for how much, in `rounds` claims that all come back full. */
function asked(lanes: readonly Lane[], limit: number, rounds: number): Map<string, number> {
  const turns = book(lanes);
  const counts = new Map<string, number>();
  for (let n = 0; n < rounds; n++) {
    const selection = turns.select(limit, 20)!;
    for (const { quantum, levels } of selection.requests) {
      const key = `${levels[0]!.lane.tenantId}/${levels[0]!.lane.lane}`;
      counts.set(key, (counts.get(key) ?? 0) + quantum);
    }
    turns.release(selection);
  }
  return counts;
}

for (const lanes of [2, 20, 40, 1000]) {
  for (const limit of [1, 2, 10, 100]) {
    Deno.test(`${lanes} tenants get the same share, ${limit} jobs at a time`, () => {
      const all = Array.from({ length: lanes }, (_, n) => lane(`t${n}`, "l"));
      const perClaim = Math.min(limit, 20, lanes);
      const rounds = lanes * 20 / perClaim;
      const counts = [...asked(all, limit, rounds).values()];
      assertEquals(counts.length, lanes);
      assertEquals(Math.max(...counts), Math.min(...counts));
    });
  }
}

Deno.test("a tenant with many lanes gets no more than one with a single lane", () => {
  const many = Array.from({ length: 19 }, (_, n) => lane("a", `l${n}`));
  const counts = asked([...many, lane("b", "only")], 100, 190);
  const ofA = [...counts].filter(([key]) => key.startsWith("a/")).reduce(
    (sum, [, n]) => sum + n,
    0,
  );
  const ofB = counts.get("b/only") ?? 0;
  assertEquals(ofB, 190 * 50);
  assertEquals(ofA >= ofB && ofA <= ofB * 1.2, true, `${ofA} against ${ofB}`);
});

Deno.test("one free slot serves every lane of a tenant in turn", () => {
  const counts = asked(Array.from({ length: 5 }, (_, n) => lane("a", `l${n}`)), 1, 50);
  assertEquals([...counts.values()], [10, 10, 10, 10, 10]);
});

Deno.test("levels of a lane are asked in the order of their priority", () => {
  const turns = book([lane("a", "l", 5), lane("a", "l", -1), lane("a", "l", 2)]);
  const [request, ...others] = turns.select(10, 20)!.requests;
  assertEquals(others, []);
  assertEquals(request!.levels.map((level) => level.lane.priority), [-1, 2, 5]);
  assertEquals(request!.quantum, 10);
});

Deno.test("an exhausted lane sleeps until it is woken", () => {
  const turns = book([lane("a", "l")]);
  const selection = turns.select(10, 20)!;
  turns.settle(selection, [], 10, 1);
  assertEquals(turns.select(10, 20), null);
  turns.wake([lane("a", "l")]);
  assertEquals(turns.select(10, 20)!.requests.length, 1);
});

Deno.test("a single job is expected where a lane slept and one has come since, and only then", () => {
  const turns = book([lane("a", "l")]);
  const isLone = () => {
    const selection = turns.select(10, 20)!;
    turns.settle(selection, [], 10, 1);
    return selection.requests.map(({ isLone, quantum }) => [isLone, quantum]);
  };
  assertEquals(isLone(), [[false, 10]]);
  turns.wake([lane("a", "l")], true);
  assertEquals(isLone(), [[true, 10]]);
  // Two have come, one after the other.
  turns.wake([lane("a", "l")], true);
  turns.wake([lane("a", "l")], true);
  assertEquals(isLone(), [[false, 10]]);
  turns.wake([lane("a", "l")]);
  assertEquals(isLone(), [[false, 10]]);
  turns.wakeAll();
  assertEquals(isLone(), [[false, 10]]);
});

Deno.test("a hint during a claim is not lost", () => {
  const turns = book([lane("a", "l")]);
  const selection = turns.select(10, 20)!;
  turns.wake([lane("a", "l")]);
  turns.settle(selection, [], 10, 1);
  assertEquals(turns.select(10, 20)!.requests.length, 1);
});

/** A book of one lane whose clock is moved by hand, and where the claims of that lane begin. */
function asks(only = lane("a", "l")) {
  const clock = { ms: 1000 };
  const turns = new LaneBook({ now: () => 0, monotonic: () => clock.ms }, () => 0.5, 1000);
  turns.refresh([only]);
  /** Claims jobs due at those seconds, in `tookMs`; where it began. Null: it sleeps. */
  const claim = (tookMs: number, ...dueAt: number[]): string | null => {
    const selection = turns.select(10, 20);
    if (!selection) return null;
    clock.ms += tookMs;
    turns.settle(selection, dueAt.map((s) => claimedAt(only, s)), 10, tookMs);
    return selection.requests[0]!.levels[0]!.from.runAt;
  };
  return { clock, turns, only, claim };
}

const at = (s: number) => `2026-01-01 00:00:${String(s).padStart(2, "0")}+00`;

function claimedAt(of: Lane, s: number): ClaimedJob {
  return { ...buildClaimed(), ...of, runAt: at(s), id: `0000000${s}` };
}

Deno.test("a hint is followed from the head of its lane while that is cheap", () => {
  const { clock, turns, only, claim } = asks();
  assertEquals(claim(1, 1), HEAD.runAt);
  clock.ms += 5;
  turns.wake([only]);
  assertEquals(claim(1, 2), HEAD.runAt);
});

Deno.test("where the head of a lane is dear, a hint is followed from where the cursor was", () => {
  const { clock, turns, only, claim } = asks();
  assertEquals(claim(102, 1), HEAD.runAt);
  for (const s of [2, 3]) {
    clock.ms += 300;
    turns.wake([only]);
    claim(1, s);
  }
  turns.wake([only]);
  assertEquals(claim(1, 4), at(1), "as it was 300 ms ago, not where it is");
  assertEquals(turns.isIdle(only), false, "jobs may wait behind that");
  assertEquals(turns.isUnsure, true);
  assertEquals(claim(1), null, "it sleeps");
  clock.ms += 300;
  turns.wake([only]);
  claim(1, 5);
  turns.wake([only]);
  assertEquals(claim(1, 6), at(2), "it moves on");
  const polled: (string | null)[] = [];
  while (polled.at(-1) !== HEAD.runAt) {
    clock.ms = turns.nextWakeAt();
    polled.push(claim(0));
  }
  assertEquals(polled, [at(2), HEAD.runAt], "what the hint told of may be behind that, too");
  assertEquals(clock.ms, 1_102 + 20 * 100, "within its share of the time");
  assertEquals([turns.isIdle(only), turns.isUnsure], [true, false]);
});

Deno.test("a lane of jobs with an order is looked at from its head, however dear", () => {
  // Who is next of its key keeps the due time that it had.
  const { clock, turns, only, claim } = asks({ ...lane("a", "l"), isOrdered: true });
  assertEquals(claim(102, 1), HEAD.runAt);
  clock.ms += 10;
  turns.wakeOrdered();
  assertEquals(claim(102, 2), HEAD.runAt);
  turns.wake([only]);
  assertEquals(claim(1, 2), HEAD.runAt);
});

Deno.test("where all claims take long, no head is dear", () => {
  const { clock, turns, only, claim } = asks();
  claim(60, 1);
  clock.ms += 5;
  turns.wake([only]);
  assertEquals(claim(60, 2), at(1), "not known yet");
  assertEquals(turns.isUnsure, false, "it does not sleep");
  assertEquals(claim(60), HEAD.runAt, "the database is far away");
  clock.ms += 5;
  turns.wake([only]);
  assertEquals(claim(60, 3), HEAD.runAt);
});

Deno.test("walks from the head are not what is usual, however many there are", () => {
  const { clock, turns, only, claim } = asks();
  claim(100, 1);
  clock.ms += 300;
  turns.wake([only]);
  claim(1, 2);
  for (let n = 0; n < 200; n++) {
    clock.ms += 3_000;
    turns.wake([only]);
    claim(100, 3);
  }
  clock.ms += 200;
  turns.wake([only]);
  assertEquals(claim(1, 4) === HEAD.runAt, false);
});

Deno.test("of many lanes it is not known which one is dear", () => {
  const { turns, only, claim } = asks();
  turns.refresh([only, lane("b", "l")]);
  assertEquals(claim(200, 1), HEAD.runAt);
  turns.wake([only]);
  assertEquals(claim(1, 1), HEAD.runAt);
});

Deno.test("a hint during a look from the head of a lane with an order has it looked at again", () => {
  const { turns, only, clock } = asks({ ...lane("a", "l"), isOrdered: true });
  const selection = turns.select(10, 20)!;
  turns.wakeOrdered();
  clock.ms++;
  turns.settle(selection, [], 10, 1);
  assertEquals(turns.isIdle(only), false);
  assertEquals(turns.select(10, 20)!.requests[0]!.levels[0]!.from.runAt, HEAD.runAt);
});

Deno.test("a look from the head that brought only what was behind the cursor is not the last", () => {
  const { clock, turns, only, claim } = asks();
  claim(1, 5);
  clock.ms += 5;
  turns.wake([only]);
  const selection = turns.select(1, 20)!;
  clock.ms++;
  turns.settle(selection, [claimedAt(only, 1)], 1, 1);
  assertEquals(claim(1, 2), HEAD.runAt);
});

Deno.test("a hint stays unfollowed where the claim did not come to its level", () => {
  const { clock, turns, only } = asks();
  const claim = (isHeldUp: boolean) => {
    const selection = turns.select(10, 20)!;
    clock.ms++;
    turns.settle(selection, [], 10, 1, () => isHeldUp);
    return selection.requests[0]!.levels[0]!.from.runAt;
  };
  claim(false);
  clock.ms += 5;
  turns.wake([only]);
  assertEquals([claim(true), claim(false)], [HEAD.runAt, HEAD.runAt]);
  assertEquals(turns.isIdle(only), true);
});

Deno.test("a lane that comes and goes keeps its cursor for a minute", () => {
  for (const [awayMs, from] of [[30_000, at(1)], [70_000, HEAD.runAt]] as const) {
    const { clock, turns, only, claim } = asks();
    // Its head stays dear for longer than it is away.
    claim(5_000, 1);
    clock.ms += 300;
    turns.wake([only]);
    claim(1, 2);
    turns.refresh([]);
    assertEquals(claim(1), null);
    clock.ms += awayMs;
    turns.refresh([]);
    turns.wake([only]);
    assertEquals(claim(1, 3), from);
  }
});

/** How many jobs each tenant gets in `rounds` claims, all of which find as many as they ask for. */
function shared(
  lanes: readonly Lane[],
  limit: number,
  rounds: number,
  weights: Readonly<Record<string, number>>,
  admits: (lane: Lane, round: number) => boolean = () => true,
): Map<string, number> {
  const turns = book(lanes);
  const counts = new Map<string, number>();
  for (let n = 0; n < rounds; n++) {
    const weigh = (tenantId: string, queue: string | null) => {
      return weights[queue === null ? tenantId : `${tenantId}/${queue}`] ?? 1;
    };
    const selection = turns.select(limit, 20, (lane) => admits(lane, n), weigh);
    if (!selection) continue;
    const jobs = selection.requests.flatMap(({ quantum, levels }) =>
      Array.from({ length: quantum }, () => ({ ...buildClaimed(), ...levels[0]!.lane }))
    ).slice(0, limit);
    for (const job of jobs) {
      const key = job.queue === "q" ? job.tenantId : `${job.tenantId}/${job.queue}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    turns.settle(selection, jobs, limit, 1);
  }
  return counts;
}

function buildClaimed(): ClaimedJob {
  return {
    ...{ id: "", tenantId: "", lane: "", queue: "", type: "", leaseId: "", holdsSlots: false },
    ...{ priority: 0, version: 2, attempt: 1, maxAttempts: 3, crashes: 0, maxCrashes: 3 },
    ...{ timeoutMs: 1, runAt: "2026-01-01 00:00:00+00", createdAt: new Date(0), backoff: null },
    ...{ metadata: null, tags: [], payload: null },
  };
}

for (const limit of [1, 3, 100]) {
  Deno.test(`tenants get what they weigh, ${limit} jobs at a time`, () => {
    const lanes = ["a", "b", "c"].map((tenantId) => lane(tenantId, tenantId));
    const counts = shared(lanes, limit, 1200, { a: 3, b: 2 });
    const part = (tenantId: string) => Math.round(6 * (counts.get(tenantId) ?? 0) / 1200 / limit);
    assertEquals(["a", "b", "c"].map(part), [3, 2, 1]);
  });
}

Deno.test("a tenant's weight is divided among its queues, by theirs", () => {
  const lanes = [
    { ...lane("a", "1"), queue: "x" },
    { ...lane("a", "2"), queue: "y" },
    lane("b", "3"),
  ];
  const counts = shared(lanes, 1, 1200, { "a/x": 3 });
  assertEquals([...counts].sort(), [["a/x", 450], ["a/y", 150], ["b", 600]]);
});

Deno.test("shares are not saved up: who was away begins where the others are", () => {
  const lanes = [lane("a", "1"), lane("b", "2")];
  const counts = shared(lanes, 1, 300, { a: 2 }, ({ tenantId }, round) => {
    return tenantId === "b" || round >= 150;
  });
  const [a = 0, b = 0] = [counts.get("a"), counts.get("b")];
  assertEquals([Math.abs(a - 100) <= 1, a + b], [true, 300]);
});

Deno.test("types of a queue share a claim by their weights", () => {
  const lanes = [lane("t", "a"), { ...lane("t", "b"), type: "heavy" }];
  const weigh = (_tenant: string, _queue: string | null, type: string | null) =>
    type === "heavy" ? 3 : 1;
  const { requests } = book(lanes).select(40, 20, undefined, weigh)!;
  const shares = requests.map(({ quantum, levels }) => [levels[0]?.lane.type, quantum]);
  assertEquals(Object.fromEntries(shares), { t: 10, heavy: 30 });
});
