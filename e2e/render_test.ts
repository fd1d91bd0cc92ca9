/** Charts: whole, their text within its box, alike from one change to the next, on all widths. */
import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import {
  demandAccessible,
  openPage,
  overflow,
  startBrowser,
} from "./browser.ts";
import { demandLike } from "./likeness.ts";
import { enqueue, post, startProgram } from "./program.ts";

const read = async (url: string) => Object(await (await fetch(url)).json());
/** What the API takes at most, nearly. */
const LARGE = 990_000;
const QUIET = { expected: [400, 404, 500, 502] };
const ORDER = { machine: "order", input: { total: 5, items: ["book"] } };

Deno.test("charts", async (t) => {
  await using program = await startProgram();
  const { url } = program;
  const browser = await startBrowser();
  const errors: string[] = [];
  try {
    for (const id of ["order-1", "order-2"]) {
      await post(`${url}/actors`, { ...ORDER, id });
    }
    const page = await openPage(browser, errors, QUIET);

    await t.step(
      "every machine is drawn whole, and every text fits its box",
      async () => {
        const { items } = await read(`${url}/machines`);
        assert(items.length >= 6);
        for (const { id } of items) {
          await page.goto(`${url}/ui/machines/${encodeURIComponent(id)}`);
          await page.locator(".viewport svg:not([aria-busy])").waitFor();
          await page.evaluate(() => document.fonts.ready);
          const chart = await read(`${url}/machines/${encodeURIComponent(id)}`);
          const drawn = await page.evaluate(() => ({
            states: [...document.querySelectorAll("[data-state]")].map((each) =>
              each.getAttribute("data-state")
            ),
            ways: [...document.querySelectorAll("[data-transition]")].map((
              each,
            ) => each.getAttribute("data-transition")),
            wide: [
              ...document.querySelectorAll<SVGGElement>(
                ".chart .state, .chart .edge",
              ),
            ]
              .flatMap((owner) => {
                const box = owner.querySelector<SVGRectElement>(
                  ":scope > .box, :scope > .label",
                );
                if (!box) return [];
                const right = box.x.baseVal.value + box.width.baseVal.value;
                return [...owner.querySelectorAll<SVGTextElement>("text")]
                  .filter((text) => !text.closest(".badge"))
                  .filter((text) => {
                    const { x, width } = text.getBBox();
                    return x < box.x.baseVal.value - 1 || x + width > right + 1;
                  }).map((text) => text.textContent);
              }),
          }));
          const wanted = chart.states.filter(({ type }: { type: string }) =>
            type !== "history"
          );
          assertEquals(
            new Set(drawn.states),
            new Set(wanted.map((state: { id: string }) => state.id)),
            id,
          );
          const ways = new Set(drawn.ways);
          for (const way of chart.transitions) {
            assert(ways.has(way.id), `${id}: ${way.id}`);
          }
          assertEquals(drawn.wide, [], `${id}: text within its box`);
        }
      },
    );

    await t.step(
      "nothing stands over a chart, and its words can be read",
      async () => {
        const page = await openPage(browser, errors, QUIET);
        const places = ["machines/subscription", "machines/job", "jobs/{job}"];
        const job = await enqueue(url, { type: "debug.noop" });
        for (const width of [1440, 390]) {
          await page.setViewportSize({ width, height: 900 });
          for (const place of [...places, "actors/order-1"]) {
            await page.goto(`${url}/ui/${place.replace("{job}", job)}`);
            await page.locator(".viewport svg:not([aria-busy])").waitFor();
            const { covered, size } = await coverOf(page);
            assertEquals(covered, [], `/ui/${place} at ${width}`);
            assert(size >= 6.5, `/ui/${place} at ${width}: ${size} px`);
          }
        }
        await page.close();
      },
    );

    await t.step(
      "of a large chart what is in sight comes first, then all in its order",
      async () => {
        const page = await openPage(browser, errors, QUIET);
        await page.addInitScript(() => {
          new MutationObserver((_, observer) => {
            const svg = document.querySelector(".viewport svg");
            if (!svg) return;
            observer.disconnect();
            Reflect.set(globalThis, "first", svg.children.length);
          }).observe(document, { childList: true, subtree: true });
        });
        await page.goto(`${url}/ui/machines/order`);
        await page.locator(".viewport svg:not([aria-busy])").waitFor();
        const { first, all, drawn } = await page.evaluate(async () => {
          const text = await (await fetch("/machines/order/chart.svg")).text();
          // Its style is not for this page.
          const { documentElement } = new DOMParser().parseFromString(
            text.replace(/<style>[^]*<\/style>/, ""),
            "image/svg+xml",
          );
          const partsOf = (svg: Element | null) =>
            [...svg?.querySelectorAll<SVGElement>(":scope > g") ?? []].map((
              { dataset },
            ) => dataset.state ?? `${dataset.from} to ${dataset.to}`);
          return {
            first: Number(Reflect.get(globalThis, "first")),
            all: partsOf(document.querySelector(".viewport svg")),
            drawn: partsOf(documentElement),
          };
        });
        assertEquals(all, drawn);
        assert(first > 0 && first < drawn.length, `${first} at first`);
        await page.close();
      },
    );

    await t.step(
      "a picture that fails leaves the text, which says so",
      async () => {
        await page.route(
          "**/chart.svg*",
          (route) => route.fulfill({ status: 500, body: "no" }).catch(() => {}),
        );
        await page.goto(`${url}/ui/actors/order-1`);
        await page.getByText("The picture could not be drawn").waitFor();
        await page.locator(".charttext li.on", { hasText: "picking" }).first()
          .waitFor();
        await demandAccessible(page, "a chart that failed");
        await page.unrouteAll({ behavior: "wait" });
      },
    );

    await t.step(
      "two versions are compared, and an old one has its own chart",
      async () => {
        await page.goto(`${url}/ui/machines/approval`);
        await page.getByRole("link", { name: "compare versions" }).click();
        await page.locator("tr[data-change='pending.escalated']", {
          hasText: "new",
        }).waitFor();
        await page.locator("tr[data-change='waiting']", { hasText: "gone" })
          .waitFor();
        await page.locator("[data-state='pending.escalated'] > .badge")
          .waitFor();
        await page.locator(".state.tone-ok[data-state='pending.escalated']")
          .waitFor();
        await demandAccessible(page, "two versions");
        await page.goto(`${url}/ui/machines/approval?version=0`);
        await page.locator(".chart [data-state=waiting]").waitFor();
        assertEquals(
          await page.locator(".chart [data-state='pending.escalated']").count(),
          0,
        );
      },
    );

    await t.step(
      "who was started by an older release is shown on its own chart",
      async () => {
        await startOlder(program.stateDir, "old-1");
        await page.goto(`${url}/ui/actors/old-1`);
        await page.locator(".state.on[data-state=waiting]").waitFor();
        await page.locator("h1 .tag", { hasText: "v0" }).waitFor();
        assertEquals(
          await page.locator("[data-state='pending.escalated']").count(),
          0,
        );
        await post(`${url}/actors/old-1/events`, {
          type: "APPROVE",
          by: "ada",
        });
        await page.locator(".state.on[data-state=approved]").waitFor();
      },
    );

    await t.step(
      "pictures are like those that somebody has looked at, light and dark",
      async () => {
        const { id } = Object(
          await post(`${url}/jobs?wait=20s`, {
            type: "debug.fail",
            payload: { times: 9, message: "no" },
            maxAttempts: 1,
          }),
        );
        // As high as when they were taken: the chart gets what the bars leave.
        await page.setViewportSize({ width: 1440, height: 1006 });
        for (const theme of ["light", "dark"] as const) {
          await page.emulateMedia({ colorScheme: theme });
          await page.goto(`${url}/ui/jobs/${id}`);
          await page.locator(".edge.taken").waitFor();
          await demandLike(page, `job-${theme}`);
          await page.goto(`${url}/ui/actors/order-2?step=3`);
          await page.locator(
            ".state.on[data-state='open.work.packing.picking']",
          )
            .waitFor();
          await demandLike(page, `order-${theme}`);
        }
        await page.setViewportSize({ width: 1440, height: 960 });
        await page.emulateMedia({ colorScheme: "light" });
      },
    );

    await t.step(
      "what is not there is answered with what comes nearest",
      async () => {
        for (
          const [path, title, near] of [
            ["machines/ordr", "There is no machine", "order"],
            ["machines/approval?version=9", "no such version", "version 1"],
            ["actors/order-3", "There is no actor", "order-1"],
          ] as const
        ) {
          await page.goto(`${url}/ui/${path}`);
          await page.locator("h1", { hasText: title }).waitFor();
          await page.locator(".nearest a", { hasText: near }).first().waitFor();
        }
        await demandAccessible(page, "a page that is not there");
      },
    );

    await t.step(
      "a megabyte in one string, narrow windows, forced colours, no motion",
      async () => {
        const id = await enqueue(url, {
          type: "http.request",
          payload: { url: "http://127.0.0.1/", body: "y".repeat(LARGE) },
          delayMs: 3_600_000,
        });
        await post(`${url}/actors`, {
          ...{ machine: "approval", id: "long" },
          input: { title: "z".repeat(200), approver: "ada" },
        });
        const narrow = await openPage(browser, errors, {
          ...QUIET,
          width: 320,
          height: 640,
        });
        await narrow.emulateMedia({
          forcedColors: "active",
          reducedMotion: "reduce",
        });
        for (
          const path of [
            ...[
              "",
              "machines",
              "machines/order",
              "jobs",
              `jobs/${id}`,
              "actors/long?tab=context",
            ],
            ...[
              "compare/actors/order-1?with=order-2",
              "dead-letters",
              "metrics",
              "workers",
            ],
          ]
        ) {
          await narrow.goto(`${url}/ui/${path}`);
          await narrow.locator("main :is(h1, .empty)").first().waitFor();
          assertEquals(await overflow(narrow), 0, `/ui/${path} at 320`);
        }
        const moves = await narrow.evaluate(() =>
          [...document.querySelectorAll("button, a, .box")].filter((each) =>
            getComputedStyle(each).transitionDuration !== "0s"
          ).length
        );
        assertEquals(moves, 0, "nothing moves when nothing shall");
        await narrow.close();
        // Twice as large: what has 1,440 points has 720 then, each of two dots.
        const large = await openPage(browser, errors, {
          ...QUIET,
          width: 720,
          height: 450,
        });
        for (const path of ["", `jobs/${id}`, "actors/order-2", "queues"]) {
          await large.goto(`${url}/ui/${path}`);
          await large.locator("main h1").first().waitFor();
          assertEquals(await overflow(large), 0, `/ui/${path} at 200 %`);
        }
        await large.close();
      },
    );
    await page.close();
    assertEquals(
      errors.filter((each) => !/ERR_|Failed to load resource/.test(each)),
      [],
    );
  } finally {
    await browser.close();
  }
});

/** The states that something covers where a chart is scrolled to its end, and how large its labels are. */
function coverOf(page: Page): Promise<{ covered: string[]; size: number }> {
  return page.evaluate(() => {
    const viewport = document.querySelector(".viewport");
    if (!viewport) throw new Error("There is no chart");
    viewport.scrollTo(0, viewport.scrollHeight);
    const seen = viewport.getBoundingClientRect();
    const bars = [...document.querySelectorAll(".tools, .legend button")]
      .map((bar) => bar.getBoundingClientRect());
    const covered = [...document.querySelectorAll<SVGElement>(".state")]
      .filter((state) => {
        const box = state.getBoundingClientRect();
        return bars.some((bar) =>
          bar.left < box.right && box.left < bar.right &&
          bar.top < box.bottom && Math.max(box.top, seen.top) < bar.bottom
        );
      }).map(({ dataset }) => dataset.state ?? "");
    const label = document.querySelector<SVGTextElement>(".edge text");
    const scale = label?.getScreenCTM()?.a ?? 0;
    return { covered, size: 11 * scale };
  });
}

/** A process of an older release, beside the new one: it starts an actor, and goes. */
async function startOlder(stateDir: string, id: string): Promise<void> {
  const root = new URL("..", import.meta.url);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--config", "deno.json", "e2e/older.ts"],
      ...[await Deno.readTextFile(`${stateDir}/database-url`), id],
    ],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  assert(success, new TextDecoder().decode(stderr));
}
