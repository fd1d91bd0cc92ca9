/** What the pages work out by themselves: queries, what is lit, words, the difference of contexts. */
import { assertEquals } from "@std/assert";
import { approvalMachine } from "../../machines/approval.ts";
import { firstApprovalMachine } from "../../machines/approval_first.ts";
import { jobMachine } from "../../machines/job.ts";
import { orderMachine } from "../../machines/order.ts";
import type { Page } from "../../src/ui/app/api.ts";
import { changesOf } from "../../src/ui/app/chart_diff.ts";
import { partingOf, pathsOver } from "../../src/ui/app/comparing.ts";
import { activeIn, litAt, type Step, takenBy } from "../../src/ui/app/lit.ts";
import { nearest } from "../../src/core/near.ts";
import { type OverlayName, overlayOf } from "../../src/ui/app/overlay.ts";
import { Problem } from "../../src/ui/app/problem.ts";
import { completions, queryErrorOf } from "../../src/ui/app/query.ts";
import { PAGE, searchOn } from "../../src/ui/app/search_on.ts";
import { short } from "../../src/ui/app/amount.ts";
import { clock, countdown, duration, eventWords, json } from "../../src/ui/app/words.ts";
import { chartOf } from "../../src/ui/chart.ts";
import { mermaidOf } from "../../src/ui/mermaid.ts";

const FIELDS = [
  { name: "state", hint: "", values: ["dead_letter", "running"] },
  { name: "machine", hint: "", values: [] },
  { name: "started", hint: "", values: [] },
];

Deno.test("a query is completed: its words, then their values", () => {
  assertEquals(completions("tag:a sta", FIELDS, {}), ["tag:a state:", "tag:a started:"]);
  assertEquals(completions("-mac", FIELDS, {}), ["-machine:"]);
  assertEquals(completions("state:dea", FIELDS, {}), ["state:dead_letter"]);
  assertEquals(completions("state:running,d", FIELDS, {}), ["state:running,dead_letter"]);
  assertEquals(completions("machine:o", FIELDS, { machine: ["order", "job"] }), ["machine:order"]);
});

Deno.test("the server's refusal of a query says which word it is about", () => {
  const detail = 'Query parameter "q": At position 11 ("state:dead"): There is no state "dead"';
  const refusal = new Problem(400, { detail, position: 11, length: 10 });
  assertEquals(queryErrorOf(refusal), {
    start: 11,
    end: 21,
    message: 'There is no state "dead"',
  });
  assertEquals(queryErrorOf(new Problem(400, { detail: "limit" })), null);
});

Deno.test("a search goes on until its page is full, and not beyond", async () => {
  // An answer each: how many it finds, and where it has looked to.
  const answers = [[0, "a"], [30, "b"], [0, "c"], [20, "d"], [1, null]] as const;
  const asked: unknown[] = [];
  const shown: number[] = [];
  const found = await searchOn<Page<string>>(
    (cursor, limit) => {
      const [count, nextCursor] = answers[asked.length] ?? [0, null];
      asked.push([cursor, limit]);
      return Promise.resolve({ items: Array(count).fill(nextCursor), nextCursor });
    },
    null,
    ({ items }) => shown.push(items.length),
  );
  assertEquals(asked, [[null, PAGE], ["a", PAGE], ["b", PAGE - 30], ["c", PAGE - 30]]);
  assertEquals([shown, found.items.length, found.nextCursor], [[0, 30, 30], PAGE, "d"]);
});

Deno.test("the names nearest to a wrong one are offered, others are not", () => {
  const names = ["order", "job", "approval", "subscription"];
  assertEquals(nearest("ordr", names), ["order"]);
  assertEquals(nearest("aproval", names), ["approval"]);
  assertEquals(nearest("zzzzzzzz", names), []);
});

const step = (version: number, from: string | null, event: string, to: string): Step => ({
  ...{ version, from, event, to },
  at: "2026-01-01T00:00:00.000Z",
});

Deno.test("of a dotted state all that is around it is active, region by region", () => {
  const chart = chartOf(orderMachine);
  assertEquals(
    [...activeIn(chart, "open.work.packing.picking,open.contact.quiet")].toSorted(),
    [
      ...["open", "open.contact", "open.contact.quiet", "open.work", "open.work.packing"],
      ...["open.work.packing.picking", "order"],
    ],
  );
});

Deno.test("a step lights the transition it took, to a history state as well", () => {
  const chart = chartOf(orderMachine);
  const quiet = ",open.contact.quiet";
  const taken = (from: string, event: string, to: string) => [
    ...takenBy(chart, step(2, from, event, to)),
  ];
  assertEquals(
    taken(`open.work.held${quiet}`, "RELEASE", `open.work.packing.wrapping${quiet}`),
    ["open.work.held|RELEASE|0"],
  );
  assertEquals(
    taken(`open.work.held${quiet}`, "CANCEL", "undone"),
    ["open|CANCEL|0"],
    "and on from there",
  );
  assertEquals(
    taken(
      `open.work.charging${quiet}`,
      "xstate.done.actor.charge",
      `open.work.packing.picking${quiet}`,
    ),
    ["open.work.charging|xstate.done.actor.charge|0"],
  );
});

Deno.test("what is lit: where it is, where it was, the way it took, what it may take", () => {
  const chart = chartOf(jobMachine);
  const steps = [
    step(1, null, "ENQUEUE", "pending"),
    step(2, "pending", "CLAIM", "running"),
    step(3, "running", "FAIL", "retry"),
  ];
  const lit = litAt(chart, steps, 2, ["CANCEL"]);
  assertEquals([...lit.active], ["retry", "job"]);
  assertEquals(lit.seen.has("pending") && lit.seen.has("running"), true);
  assertEquals([...lit.taken].every((id) => id.startsWith("running|FAIL|")), true);
  assertEquals([...lit.open], ["retry|CANCEL|0"]);
  assertEquals(lit.tone, "bad");
  assertEquals(litAt(chart, [], -1, []).active.size, 0);
});

Deno.test("events, durations and counts as people read them", () => {
  assertEquals(eventWords("xstate.after.5000.a.b"), "after 5.0 s");
  assertEquals(eventWords("xstate.after.packBy.order.open"), "after packBy");
  assertEquals(eventWords("xstate.error.actor.charge"), "charge failed");
  assertEquals(eventWords("xstate.done.state.order.undoing.giving"), "giving done");
  assertEquals([duration(950), duration(61_000), duration(5_400_000)], [
    "950 ms",
    "1 min",
    "1.5 h",
  ]);
  const [day, noon] = [new Date(2026, 5, 1, 12, 3, 4), new Date()];
  noon.setHours(12, 3, 4, 5);
  assertEquals([clock(day.toISOString()), clock(noon.toISOString()), clock(null)], [
    "2026-06-01 12:03:04",
    "12:03:04.005",
    "–",
  ]);
  assertEquals([countdown(41_000), countdown(3_730_000), countdown(-1)], [
    "00:41",
    "1:02:10",
    "due",
  ]);
  // The override would draw the quotes and the comma in front of the word.
  assertEquals(json({ by: "\u202eada" }, 0), '{"by":"\\u202eada"}');
  assertEquals([json(undefined), json("مرحبا")], ["undefined", '"مرحبا"']);
  assertEquals([short(999), short(48_200), short(1_200_000)], ["999", "48.2 k", "1.20 M"]);
});

Deno.test("Mermaid gets every state and every transition that leads somewhere", () => {
  for (const machine of [jobMachine, orderMachine, approvalMachine]) {
    const chart = chartOf(machine);
    const text = mermaidOf(chart);
    const leading = chart.transitions.reduce((sum, { targets }) => sum + targets.length, 0);
    const initials = chart.states.filter(({ isInitial }) => isInitial).length;
    const finals = chart.states.filter(({ type }) => type === "final").length;
    assertEquals(text.match(/ --> /g)?.length, leading + initials + finals);
    const drawn = chart.states.filter(({ type }) => type !== "history").length;
    assertEquals(text.match(/^\s*state ".*" as s\d+$/gm)?.length, drawn);
  }
});

Deno.test("two versions: what is new, what is gone, what has changed", () => {
  const changes = changesOf(chartOf(firstApprovalMachine), chartOf(approvalMachine));
  const of = (what: string) =>
    changes.filter((each) => each.what === what && each.kind === "state").map(({ id }) => id);
  assertEquals(of("gone"), ["waiting"]);
  assertEquals(of("new").toSorted(), ["pending", "pending.escalated", "pending.waiting"]);
  assertEquals(changesOf(chartOf(approvalMachine), chartOf(approvalMachine)), []);
});

Deno.test("two pasts part at the first step that is not the same; their paths are told apart", () => {
  const chart = chartOf(jobMachine);
  const begin = [step(1, null, "ENQUEUE", "pending"), step(2, "pending", "CLAIM", "running")];
  const a = [...begin, step(3, "running", "SUCCEED", "succeeded")];
  const b = [...begin, step(3, "running", "FAIL", "retry")];
  assertEquals(partingOf(a, a), null);
  assertEquals(partingOf(a, b), 2);
  assertEquals(partingOf(begin, a), 2);
  const { states, paths } = pathsOver(chart, a, b);
  assertEquals(states.get("running")?.text, "AB");
  assertEquals(states.get("succeeded")?.text, "A");
  assertEquals(states.get("retry")?.text, "B");
  assertEquals(new Set(paths?.values()), new Set(["a", "b", "both"]));
});

Deno.test("flow goes on the lines that were taken, failures on the states they came from", () => {
  const chart = chartOf(jobMachine);
  const flow = {
    ...{ windowMs: 3_600_000, coveredMs: 3_600_000, bucketMs: 60_000, oldestMs: null },
    moves: [
      { from: "pending", event: null, to: "running", count: 60, failed: 0 },
      { from: "running", event: null, to: "retry", count: 6, failed: 6 },
    ],
    dwells: [],
    stuck: [{ state: "pending", count: 1 }],
    buckets: [{ at: "2026-01-01T00:00:00.000Z", count: 66, failed: 6 }],
  };
  const counts = new Map([["pending", 4], ["dead_letter", 2]]);
  const over = (name: OverlayName) => overlayOf(name, chart, counts, flow);
  assertEquals([...over("flow").ways.values()].toSorted((a, b) => a - b), [6, 60]);
  assertEquals(over("flow").minutes, 1);
  assertEquals([...over("failures").states], [["running", { text: "6", step: 0, isBad: true }]]);
  assertEquals(over("stuck").states.get("pending")?.text, "25 %");
  assertEquals(over("count").states.get("dead_letter")?.isBad, true);
});
