/** The past of an instance on its page: a window of it at a time, whatever comes meanwhile. */
import { assert, assertEquals } from "@std/assert";
import { effect } from "@preact/signals";
import { firstOf } from "../../src/ui/app/dots.ts";
import { glanceAt } from "../../src/ui/app/glance.ts";
import type { Step } from "../../src/ui/app/lit.ts";
import { Past, WINDOW } from "../../src/ui/app/past.ts";

const stepsAfter = (after: number, latest: number, most = WINDOW): Step[] =>
  Array.from({ length: Math.min(most, latest - after) }, (_, i) => ({
    ...{ version: after + 1 + i, from: "a", event: "GO", to: "b" },
    at: "2026-01-01T00:00:00.000Z",
  }));

/** A past of so many steps whose answers are given by hand when `isHeld`. */
function pastOf(latest: number) {
  const server = {
    ...{ latest, isHeld: false, held: [] as (() => void)[] },
    asked: [] as (number | null)[],
  };
  const past = new Past(async (after, most) => {
    server.asked.push(after);
    const found = stepsAfter(after ?? Math.max(0, server.latest - most), server.latest, most);
    if (server.isHeld) await new Promise<void>((done) => server.held.push(done));
    return found;
  }, (then) => then());
  past.latest.value = latest;
  return { past, server };
}

const gapless = (steps: readonly Step[]) =>
  steps.every(({ version }, i) => i === 0 || version === (steps[i - 1]?.version ?? 0) + 1);

Deno.test("a past of 100,000 steps is opened, jumped and stepped through by windows", async () => {
  const { past, server } = pastOf(100_000);
  await past.look(null);
  // What is near it, and then its window.
  assertEquals([past.step.value?.version, server.asked], [100_000, [99_960, 99_800]]);
  await past.look(50_000);
  assertEquals([past.step.value?.version, server.asked.length], [50_000, 4]);
  for (let version = 49_999; version >= 49_801; version--) await past.look(version);
  assertEquals([past.step.value?.version, server.asked.length], [49_801, 6]);
  assert(past.steps.value.length <= WINDOW && gapless(past.steps.value));
});

Deno.test("a past opens before it is known how long it is: at its end, and at a step", async () => {
  for (const [step, seen] of [[null, 100_000], [50_000, 50_000], [200_000, 100_000]] as const) {
    const { past, server } = pastOf(100_000);
    past.latest.value = 0;
    server.isHeld = true;
    const look = past.look(step);
    for (let turn = 0; turn < 100 && past.step.value === null; turn++) {
      server.held.shift()?.();
      await null;
    }
    assertEquals([past.step.value?.version, past.wanted.value], [seen, step && seen]);
    // What it is of has come meanwhile.
    past.latest.value = 100_000;
    server.isHeld = false;
    for (const done of server.held.splice(0)) done();
    await look;
    assertEquals([past.step.value?.version, past.steps.value.length], [seen, WINDOW]);
    assert(gapless(past.steps.value));
  }
});

Deno.test("a short past is asked for once, and what comes while its window is filled stays in it", async () => {
  const short = pastOf(12);
  short.past.latest.value = 0;
  short.server.latest = 12;
  await short.past.look(null);
  assertEquals([short.past.steps.value.length, short.server.asked], [12, [null]]);

  const { past, server } = pastOf(1_000);
  const live = past.look(null);
  server.isHeld = true;
  while (server.held.length === 0) await null;
  server.isHeld = false;
  server.latest = 1_003;
  await past.catchUp(1_003);
  server.held[0]?.();
  await live;
  assertEquals([past.step.value?.version, past.steps.value.length], [1_003, WINDOW + 3]);
  // What was exchanged once stands where it stood.
  assertEquals(past.jumps.value, 1);
  assert(gapless(past.steps.value));
});

Deno.test("who jumps sees what is near before the rest of its window has come", async () => {
  const { past, server } = pastOf(100_000);
  await past.look(null);
  const jump = past.look(50_000);
  server.isHeld = true;
  const near = await new Promise<readonly Step[]>((done) => {
    const stop = effect(() => {
      if (past.step.value?.version !== 50_000) return;
      queueMicrotask(() => stop());
      done(past.steps.value);
    });
  });
  assert(near.length < WINDOW / 2 && gapless(near), `${near.length} near it`);
  // Stepping on goes by what is there.
  await past.look(49_999);
  while (server.held.length === 0) await null;
  server.held[0]?.();
  await jump;
  assertEquals([past.step.value?.version, past.steps.value.length], [49_999, WINDOW]);
  assert(gapless(past.steps.value));
});

Deno.test("of windows that were asked for while the scrubber was dragged the last one counts", async () => {
  const { past, server } = pastOf(10_000);
  await past.look(null);
  server.isHeld = true;
  const looks = [past.look(2_000), past.look(5_000)];
  const [first, second] = server.held;
  server.isHeld = false;
  second?.();
  await looks[1];
  first?.();
  await looks[0];
  assertEquals(past.step.value?.version, 5_000);
});

Deno.test("what comes while somebody jumps away leaves no gap where they look", async () => {
  const { past, server } = pastOf(1_000);
  await past.look(null);
  server.isHeld = true;
  server.latest = 1_003;
  const behind = past.catchUp(1_003);
  const jump = past.look(300);
  server.isHeld = false;
  for (const done of server.held.toReversed()) done();
  await Promise.all([jump, behind]);
  assertEquals(past.step.value?.version, 300);
  assert(gapless(past.steps.value));
  await past.look(null);
  assertEquals([past.step.value?.version, past.latest.value], [1_003, 1_003]);
});

Deno.test("the rest of a window that comes when somebody has gone elsewhere is left out", async () => {
  const { past, server } = pastOf(1_000);
  const opening = past.look(null);
  server.isHeld = true;
  while (server.held.length === 0) await null;
  server.isHeld = false;
  await past.look(300);
  server.held[0]?.();
  await opening;
  assertEquals([past.step.value?.version, past.steps.value.length], [300, WINDOW]);
  assert(gapless(past.steps.value));
});

Deno.test("who goes live while more has come is at the end of it", async () => {
  const { past, server } = pastOf(1_000);
  await past.look(10);
  server.isHeld = true;
  const live = past.look(null);
  // The answer was made before the last step.
  server.latest = 1_001;
  await past.catchUp(1_001);
  server.isHeld = false;
  server.held.forEach((done) => done());
  await live;
  assertEquals(past.step.value?.version, 1_001);
  assert(gapless(past.steps.value));
});

Deno.test("who looks at the past keeps the step, however much comes at once", async () => {
  const { past, server } = pastOf(300);
  await past.look(250);
  server.latest = 5_000;
  await past.catchUp(5_000);
  assertEquals([past.step.value?.version, past.latest.value], [250, 5_000]);
});

Deno.test("the panels show a single step once the chart is painted, of many fast ones some, and the last", async () => {
  const { past } = pastOf(100);
  await past.look(null);
  const afterPaint: (() => void)[] = [];
  const shown = glanceAt(past, (then) => void afterPaint.push(then));
  const seen: number[] = [];
  const last = Promise.withResolvers<void>();
  const stop = effect(() => {
    const version = shown.value?.version ?? 0;
    seen.push(version);
    if (version === 1) last.resolve();
  });
  past.wanted.value = 99;
  assertEquals(seen, [100]);
  afterPaint[0]?.();
  assertEquals(seen, [100, 99]);
  for (let version = 98; version >= 1; version--) past.wanted.value = version;
  // The others come a while later, or at the next frame where this took that while.
  afterPaint[1]?.();
  await last.promise;
  stop();
  assert(seen.length < 99, `all ${seen.length} of them`);
});

Deno.test("the dots stay where they are until the step comes near their end", () => {
  const [room, length] = [12, 60];
  let [first, moves] = [0, 0];
  for (const index of [...Array(length).keys(), ...[...Array(length).keys()].toReversed()]) {
    const next = firstOf(first, index, room, length);
    if (next !== first) moves++;
    first = next;
    assert(index >= first && index < first + room, `${index} is seen from ${first}`);
  }
  assert(moves < length / 2, `they moved ${moves} times`);
  assertEquals(firstOf(0, 3, room, 4), 0);
  assertEquals(firstOf(48, 60, room, 61), 49, "live: the newest is seen");
});
