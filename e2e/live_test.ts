/** One instance, live: cut, moved by others, counted down, said aloud; driven by keys alone. */
import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import {
  awake,
  demandAccessible,
  openPage,
  startBrowser,
  until,
} from "./browser.ts";
import { byKeys, requeueByKeys } from "./keys.ts";
import { post, startProgram } from "./program.ts";
import { layWire } from "./wire.ts";

const read = async (url: string) => Object(await (await fetch(url)).json());
const QUIET = { expected: [400, 404, 409, 412, 500, 502] };

Deno.test("live, cut, and by keys", async (t) => {
  await using program = await startProgram();
  await using wire = layWire(program.url);
  const { url } = program;
  const browser = await startBrowser();
  const errors: string[] = [];
  try {
    await post(`${url}/actors`, {
      machine: "order",
      id: "order-1",
      input: { total: 12_900, items: ["book"], remindMs: 3_600_000 },
    });
    const page = await openPage(browser, errors, QUIET);

    await t.step(
      "a cut stream: the page says so, and has lost nothing afterwards",
      async () => {
        await page.goto(`${wire.url}/ui/actors/order-1`);
        await page.locator("#live.live").waitFor();
        await page.locator("[data-testid=position]", { hasText: "3 / 3" })
          .waitFor();
        await page.locator(".viewport svg").waitFor();
        wire.cut();
        await page.locator("#live.behind", { hasText: "behind" }).waitFor();
        for (const type of ["HOLD", "RELEASE", "PICKED"]) {
          await post(`${url}/actors/order-1/events`, { type });
        }
        wire.mend();
        await page.locator("#live.live").waitFor();
        await page.locator("[data-testid=position]", { hasText: "6 / 6" })
          .waitFor();
        await page.locator(".history tr[data-version='6']").waitFor();
        const versions = await page.locator(".history tr[data-version]")
          .evaluateAll((rows) =>
            rows.map((row) => Number(row.getAttribute("data-version")))
          );
        assertEquals(versions, [6, 5, 4, 3, 2, 1], "each step once");
        await page.locator(".state.on[data-state='open.work.packing.wrapping']")
          .waitFor();
      },
    );

    await t.step(
      "an event that comes too late is refused: it moved on",
      async () => {
        await page.goto(`${wire.url}/ui/actors/order-1`);
        await page.locator("#live.live").waitFor();
        await page.locator("button[data-event=HOLD]").click();
        const dialog = page.getByRole("dialog", { name: "Send an event" });
        await dialog.getByLabel("Payload, JSON").waitFor();
        // The page hears of nothing while another is faster.
        await page.route(
          "**/stream*",
          (route) => route.abort().catch(() => {}),
        );
        wire.cut();
        await post(`${url}/actors/order-1/events`, { type: "HOLD" });
        wire.mend();
        await dialog.getByRole("button", { name: "Send" }).click();
        await dialog.getByText("It moved on: look again").waitFor();
        assertEquals(
          (await read(`${url}/actors/order-1`)).version,
          7,
          "nothing was sent",
        );
        await page.unrouteAll({ behavior: "wait" });
      },
    );

    await t.step(
      "timers count down; they are gone when their state is",
      async () => {
        await page.goto(`${url}/ui/actors/order-1`);
        const timer = page.locator(".panel.timers li", { hasText: "remind" });
        const left = () => timer.locator("time").textContent();
        const first = await left();
        await page.waitForFunction(
          (text) =>
            document.querySelector(".panel.timers li time")?.textContent !==
              text,
          first,
        );
        await post(`${url}/actors/order-1/events`, { type: "CANCEL" });
        await timer.waitFor({ state: "detached" });
        await page.locator(".head [data-status=done]").waitFor();
        assertEquals(await page.locator("button[data-event]").count(), 0);
      },
    );

    await t.step(
      "what happens is said aloud, at most once in two seconds, and not over the past",
      async () => {
        await post(`${url}/actors`, {
          ...{ machine: "order", id: "order-3" },
          input: { total: 5, items: ["lamp"] },
        });
        await page.goto(`${url}/ui/actors/order-3`);
        await page.locator("[data-testid=position]", { hasText: "3 / 3" })
          .waitFor();
        await page.evaluate(() => {
          const times: number[] = [];
          Reflect.set(globalThis, "times", times);
          const said = document.querySelector("[data-testid=said]");
          if (!said) throw new Error("Nothing is said");
          new MutationObserver(() => times.push(performance.now()))
            .observe(said, {
              childList: true,
              characterData: true,
              subtree: true,
            });
        });
        for (const type of ["HOLD", "RELEASE", "HOLD", "RELEASE", "PICKED"]) {
          await post(`${url}/actors/order-3/events`, { type });
        }
        // The last of them is said in the end, whatever was passed over: nothing is left to say.
        await page.locator("[data-testid=said]", { hasText: "PICKED" })
          .waitFor({ state: "attached" });
        await page.locator("[data-testid=position]", { hasText: "8 / 8" })
          .waitFor();
        const times = () =>
          page.evaluate<number[]>(() => Reflect.get(globalThis, "times"));
        const told = await times();
        for (let i = 1; i < told.length; i++) {
          const pause = Number(told[i]) - Number(told[i - 1]);
          // It comes into the page a moment after it is said: half of the pause is for a slow machine.
          assert(pause > 1_000, `said again after ${pause} ms`);
        }
        await awake(page);
        await page.keyboard.press("ArrowLeft");
        const before = (await times()).length;
        await post(`${url}/actors/order-3/events`, { type: "HOLD" });
        await page.locator("[data-testid=position]", { hasText: "7 / 9" })
          .waitFor();
        await page.keyboard.press("ArrowLeft");
        await page.locator("[data-testid=position]", { hasText: "6 / 9" })
          .waitFor();
        assertEquals((await times()).length, before, "silent over the past");
      },
    );

    await t.step("a step changes what it shows, and nothing else", async () => {
      await page.goto(`${url}/ui/actors/order-3`);
      await page.locator("[data-testid=position]", { hasText: "9 / 9" })
        .waitFor();
      await page.locator(".history tr[data-version='1']").waitFor();
      await page.locator(".viewport svg:not([aria-busy])").waitFor();
      await page.locator("#live.live").waitFor();
      await awake(page);
      await page.keyboard.press("ArrowLeft");
      await page.locator(".pasttime").waitFor();
      // The mark follows when steps rest: that of this step is not counted.
      await page.locator(".history tr[data-version='8'][aria-current]")
        .waitFor();
      await page.evaluate(() => {
        const seen = { chart: [] as string[], frame: 0, rows: 0 };
        Reflect.set(globalThis, "seen", seen);
        new MutationObserver((records) => {
          for (const { target } of records) {
            const element = target instanceof Element
              ? target
              : target.parentElement;
            const owner = element?.closest("svg.chart, .bar, .history");
            if (owner?.matches("svg.chart")) {
              seen.chart.push(element?.getAttribute("class") ?? "");
            } else if (owner?.matches(".bar")) seen.frame++;
            else if (owner) seen.rows++;
          }
        }).observe(document, {
          attributes: true,
          childList: true,
          characterData: true,
          subtree: true,
        });
      });
      const early = await changedBy(page, "ArrowLeft");
      await page.locator(".panel.step", { hasText: "Step 7" }).waitFor();
      await page.locator(".history tr[data-version='7'][aria-current]")
        .waitFor();
      // The chart and the number: the mark on the dots and what says the same in words follow.
      await page.locator(".dot[data-version='7'][aria-current]").waitFor();
      const owners = [...new Set(early)].toSorted();
      assertEquals(owners, [".moves", "svg.chart"], early.join(" "));
      assert(early.length <= 36, `${early.length} changes before a frame`);
      const { chart, frame, rows } = await page.evaluate<
        { chart: string[]; frame: number; rows: number }
      >(() => Reflect.get(globalThis, "seen"));
      // From wrapping to picking: the states, the ways that were taken, and their lines.
      assert(chart.length > 0 && chart.length <= 30, chart.join("\n"));
      assert(!chart.some((each) => /^chart/.test(each)), "not the whole chart");
      assertEquals(frame, 0, "the frame is left alone");
      assertEquals(rows, 2, "a mark leaves one row and comes to another");
    });

    await t.step(
      "thousands of changes between two frames are one",
      () => foldedChanges(),
    );

    await t.step(
      "two instances are compared: who went where, and where they part",
      async () => {
        await post(`${url}/actors`, {
          ...{
            machine: "order",
            id: "order-2",
            input: { total: 5, items: ["lamp"] },
          },
        });
        await until(async () =>
          (await read(`${url}/actors/order-2`)).version === 3
        );
        await page.goto(`${url}/ui/actors/order-2`);
        await page.getByRole("link", { name: "compare" }).click();
        await page.getByLabel("Compare with").fill("order-1");
        await page.getByRole("button", { name: "Compare" }).click();
        await page.getByText("They part at step 4").waitFor();
        await page.locator(".edge.path-both").first().waitFor();
        assertEquals(await page.locator("[data-parting=true]").count(), 1);
        await page.locator("[data-state='open.work.held'] > .badge", {
          hasText: /^B$/,
        }).waitFor();
        await demandAccessible(page, "two that are compared");
      },
    );

    await t.step(
      "keys alone: found, opened, stepped, sent, requeued; focus comes back",
      async () => {
        await byKeys(page, url);
        await requeueByKeys(page, url);
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

  /** Presses a key; where the page changes at once, in the frame that answers it, for each change. */
  function changedBy(page: Page, key: string): Promise<string[]> {
    return page.evaluate(async (key) => {
      const records: MutationRecord[] = [];
      const observer = new MutationObserver((found) => {
        records.push(...found);
      });
      observer.observe(document, {
        attributes: true,
        childList: true,
        characterData: true,
        subtree: true,
      });
      dispatchEvent(new KeyboardEvent("keydown", { key }));
      // Components are made anew in a microtask; nothing else comes in between.
      for (let n = 0; n < 50; n++) await null;
      records.push(...observer.takeRecords());
      observer.disconnect();
      const places = "svg.chart .dots .moves .track .side .history .bar"
        .split(" ");
      return records.map(({ target }) => {
        const element = target instanceof Element
          ? target
          : target.parentElement;
        return places.find((place) => element?.closest(place)) ??
          `${element?.tagName}`;
      });
    }, key);
  }

  /** What a stream would send, at once: the page shows the last of it, and draws it once. */
  async function foldedChanges(): Promise<void> {
    const flooded = await openPage(browser, errors, QUIET);
    await flooded.addInitScript(() => {
      class Flood extends EventTarget {
        onopen: (() => void) | null = null;
        onerror: (() => void) | null = null;
        readyState = 1;
        constructor() {
          super();
          Reflect.set(globalThis, "flood", this);
          setTimeout(() => this.onopen?.(), 0);
        }
        close() {}
      }
      Reflect.set(globalThis, "EventSource", Flood);
    });
    await flooded.goto(`${url}/ui/machines/job`);
    await flooded.locator(".viewport svg").waitFor();
    await flooded.locator("#live.live").waitFor();
    await flooded.evaluate(() => {
      const flood: EventTarget = Reflect.get(globalThis, "flood");
      let drawn = 0;
      new MutationObserver((records) => {
        const added = records.flatMap(({ addedNodes }) => [...addedNodes]);
        drawn += added.filter((node) =>
          node instanceof Element && node.matches(".badge")
        ).length;
        Reflect.set(globalThis, "drawn", drawn);
      }).observe(document, { childList: true, subtree: true });
      for (let n = 1; n <= 5_000; n++) {
        const data = JSON.stringify([{
          queue: "default",
          state: "running",
          count: n,
        }]);
        flood.dispatchEvent(new MessageEvent("counts", { data }));
      }
    });
    await flooded.locator(".state[data-state=running] > .badge", {
      hasText: "5,000",
    }).waitFor();
    assertEquals(
      await flooded.evaluate(() => Reflect.get(globalThis, "drawn")),
      1,
    );
    await flooded.close();
  }
});
