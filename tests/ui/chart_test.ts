/** Charts: everything that is in the machine, nothing that is not, and always a picture. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import * as fc from "fast-check";
import { createMachine, fromPromise, setup } from "xstate";
import { jobMachine } from "../../machines/job.ts";
import { chartHash, chartOf } from "../../src/ui/chart.ts";
import { Charts } from "../../src/ui/charts.ts";
import { newElk } from "../../src/ui/elk.ts";
import { edgesOf, type Geometry } from "../../src/ui/geometry.ts";
import { layoutChart } from "../../src/ui/layout.ts";
import { plainLayout } from "../../src/ui/plain_layout.ts";
import { renderChart } from "../../src/ui/render.ts";

const order = setup({
  guards: { isPaid: () => true, isLate: () => false },
  delays: { patience: 5_000 },
  actions: { remind: () => {}, ship: () => {} },
  actors: { charge: fromPromise(() => Promise.resolve(1)) },
}).createMachine({
  id: "order",
  initial: "paying",
  on: { NOTE: { actions: "remind" } },
  states: {
    paying: {
      invoke: {
        src: "charge",
        id: "charge",
        onDone: "work",
        onError: { target: "paying", reenter: true },
      },
      after: { patience: { guard: "isLate", target: "lost" } },
    },
    work: {
      type: "parallel",
      states: {
        pack: {
          initial: "todo",
          states: { todo: { on: { PACKED: "done" } }, done: { type: "final" } },
        },
        bill: {
          initial: "todo",
          states: { todo: { on: { BILLED: "done" } }, done: { type: "final" } },
        },
      },
      on: { HOLD: "held" },
      onDone: { guard: "isPaid", target: "done" },
    },
    held: { entry: "remind", exit: "ship", on: { BACK: "work" } },
    lost: {},
    done: { type: "final" },
  },
});

Deno.test("chartOf() has every state and every candidate, with stable ids", () => {
  const chart = chartOf(jobMachine);
  const keys = Object.keys(jobMachine.states);
  assertEquals(chart.states.map(({ id }) => id), ["job", ...keys]);
  assertEquals(chart.states.filter(({ isInitial }) => isInitial).map(({ id }) => id), ["pending"]);
  const candidates = Object.values(jobMachine.states)
    .flatMap((state) => [...state.transitions.values()].flat());
  assertEquals(chart.transitions.length, candidates.length);
  assertEquals(new Set(chart.transitions.map(({ id }) => id)).size, candidates.length);
});

Deno.test("chartOf() reads invokes, delays, guards, actions, parallel and nested states", () => {
  const chart = chartOf(order);
  const byId = new Map(chart.states.map((state) => [state.id, state]));
  assertEquals(byId.get("work")?.type, "parallel");
  assertEquals(byId.get("work.pack.done")?.type, "final");
  assertEquals(byId.get("paying")?.invokes, ["charge"]);
  assertEquals([byId.get("held")?.entry, byId.get("held")?.exit], [["remind"], ["ship"]]);
  const labels = chart.transitions.map(({ kind, label, guard }) => `${kind} ${label} ${guard}`);
  for (
    const label of [
      "done charge done null",
      "error charge fails null",
      "after after patience isLate",
      "done done isPaid",
      "event NOTE null",
    ]
  ) assert(labels.includes(label), `${label} in ${labels}`);
});

Deno.test("chartHash() changes with the chart, not with the object", async () => {
  const hash = await chartHash(chartOf(jobMachine));
  assertEquals(await chartHash(chartOf(jobMachine)), hash);
  assertNotEquals(await chartHash(chartOf(order)), hash);
});

Deno.test("the picture has every state and transition once, and escapes what authors write", async () => {
  const evil = createMachine({
    id: "evil",
    initial: "a",
    states: { "a": { description: "<script>", on: { "<b>&\"'": "b" } }, b: {} },
  });
  for (const machine of [jobMachine, order, evil]) {
    const { svg, chart } = await new Charts(null).draw(machine);
    const states = Array.from(svg.matchAll(/data-state="([^"]*)"/g), ([, id]) => id);
    assertEquals(states.length, chart.states.filter(({ type }) => type !== "history").length);
    const drawn = new Set(Array.from(svg.matchAll(/data-transition="([^"]*)"/g), ([, id]) => id));
    assertEquals(drawn.size, chart.transitions.length);
    assert(!svg.includes("<script") && !svg.includes("<b>"));
  }
});

Deno.test("children lie inside their parents, and siblings do not overlap", async () => {
  const elk = newElk();
  for (const machine of [jobMachine, order]) {
    const chart = chartOf(machine);
    for (const geometry of [await layoutChart(chart, elk), plainLayout(chart)]) {
      checkBoxes(chart.states, geometry);
      for (const edge of edgesOf(chart)) {
        assert((geometry.lines.get(edge.id)?.points.length ?? 0) > 1, `${edge.id} is drawn`);
      }
    }
  }
});

function checkBoxes(states: readonly { id: string; parent: string | null }[], geometry: Geometry) {
  for (const { id, parent } of states) {
    const [box, around] = [geometry.states.get(id), geometry.states.get(parent ?? "")];
    if (!box || !around) continue;
    assert(box.x >= around.x && box.y >= around.y, `${id} in ${parent}`);
    assert(box.x + box.width <= around.x + around.width + 0.5, `${id} in ${parent}`);
    assert(box.y + box.height <= around.y + around.height + 0.5, `${id} in ${parent}`);
    for (const other of states) {
      const beside = geometry.states.get(other.id);
      if (other.parent !== parent || other.id <= id || !beside) continue;
      const isApart = box.x + box.width <= beside.x || beside.x + beside.width <= box.x ||
        box.y + box.height <= beside.y || beside.y + beside.height <= box.y;
      assert(isApart, `${id} and ${other.id} apart`);
    }
  }
}

Deno.test("any flat chart gets a picture", async () => {
  const elk = newElk();
  const name = fc.constantFrom("a", "b", "c", "d", "e", "f");
  const edges = fc.array(fc.tuple(name, name, fc.constantFrom("GO", "BACK", "X")), {
    maxLength: 14,
  });
  await fc.assert(
    fc.asyncProperty(edges, async (list) => {
      const states = Object.fromEntries(
        "abcdef".split("").map((key) => {
          const on = Object.fromEntries(
            list.filter(([from]) => from === key)
              .map(([, to, event]) => [event, to]),
          );
          return [key, { on }];
        }),
      );
      const chart = chartOf(createMachine({ id: "any", initial: "a", states }));
      const geometry = await layoutChart(chart, elk);
      checkBoxes(chart.states, geometry);
      assert(renderChart(chart, geometry).endsWith("</svg>"));
    }),
    { numRuns: 60, seed: 11 },
  );
});
