/** Pictures, cuts and help: every chart is whole and its text fits; what fails is said; all widths. */
import { assert, assertEquals } from "@std/assert";
import {
  demandAccessible,
  lit,
  openPage,
  overflow,
  startBrowser,
} from "./browser.ts";
import { enqueue, post, startProgram } from "./program.ts";
import { layWire } from "./wire.ts";

const read = async (url: string) => Object(await (await fetch(url)).json());
/** What the API takes at most, nearly. */
const LARGE = 990_000;
const QUIET = { expected: [400, 404, 409, 412, 500, 502] };

Deno.test("charts and cuts", async (t) => {
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
      "every machine is drawn whole, and every text fits its box",
      async () => {
        const { items } = await read(`${url}/machines`);
        assert(items.length >= 6);
        for (const { id } of items) {
          await page.goto(`${url}/ui/machines/${encodeURIComponent(id)}`);
          await page.locator(".viewport svg").waitFor();
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
      "a picture that fails leaves the text, which says so",
      async () => {
        await page.route(
          "**/chart.svg*",
          (route) => route.fulfill({ status: 500, body: "no" }),
        );
        await page.goto(`${url}/ui/actors/order-1`);
        await page.getByText("The picture could not be drawn").waitFor();
        await page.locator(".charttext li.on", { hasText: "picking" }).first()
          .waitFor();
        await demandAccessible(page, "a chart that failed");
        await page.unroute("**/chart.svg*");
      },
    );

    await t.step(
      "a cut stream: the page says so, and has lost nothing afterwards",
      async () => {
        await page.goto(`${wire.url}/ui/actors/order-1`);
        await page.locator("#live.live").waitFor();
        await page.locator("[data-testid=position]", { hasText: "3 / 3" })
          .waitFor();
        wire.cut();
        await page.locator("#live.behind", { hasText: "behind" }).waitFor();
        for (const type of ["HOLD", "RELEASE", "PICKED"]) {
          await post(`${url}/actors/order-1/events`, { type });
        }
        wire.mend();
        await page.locator("#live.live").waitFor();
        await page.locator("[data-testid=position]", { hasText: "6 / 6" })
          .waitFor();
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
        await page.route("**/stream*", (route) => route.abort());
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
        await page.unroute("**/stream*");
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
      "two instances are compared: who went where, and where they part",
      async () => {
        await post(`${url}/actors`, {
          ...{
            machine: "order",
            id: "order-2",
            input: { total: 5, items: ["lamp"] },
          },
        });
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
      "keys alone: found, opened, stepped, sent; focus comes back",
      async () => {
        await page.goto(`${url}/ui/`);
        await page.locator("h1").waitFor();
        // A page hears keys a moment after it is painted, and rows may be made anew under a focus.
        const until = async (url: RegExp, act: () => Promise<void>) => {
          for (let tries = 0; tries < 20; tries++) {
            if (url.test(page.url())) return;
            await act();
            const come = page.waitForURL(url, { timeout: 1_500 });
            if (await come.then(() => true, () => false)) return;
          }
          throw new Error(`It did not lead to ${url}`);
        };
        await until(/\/ui\/jobs/, async () => {
          await page.keyboard.press("g");
          await page.keyboard.press("i");
        });
        await page.goto(`${url}/ui/actors`);
        await page.locator("tr[data-actor=order-2]").waitFor();
        await page.keyboard.press("/");
        await page.keyboard.type("id:order-2");
        await page.keyboard.press("Enter");
        await page.waitForFunction(() =>
          document.querySelectorAll("tr[data-actor]").length === 1
        );
        await until(/actors\/order-2/, async () => {
          await page.locator("tr[data-actor=order-2] a").first().focus();
          await page.keyboard.press("Enter");
        });
        await page.locator(".state.leaf.on").first().waitFor();
        await page.keyboard.press("ArrowLeft");
        assertEquals(new URL(page.url()).searchParams.get("step"), "2");
        await page.keyboard.press("l");
        const send = page.getByRole("button", { name: "Send…" });
        await send.focus();
        await page.keyboard.press("Enter");
        await page.getByRole("dialog").waitFor();
        await page.getByLabel("Event", { exact: true }).waitFor();
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });
        assertEquals(
          await page.evaluate(() => document.activeElement?.textContent),
          "Send…",
        );
        await page.keyboard.press("e");
        await page.getByLabel("Event", { exact: true }).fill("PICKED");
        await page.keyboard.press("Enter");
        await page.locator(".state.on[data-state='open.work.packing.wrapping']")
          .waitFor();
        assertEquals(
          (await lit(page)).toSorted(),
          ["open.contact.quiet", "open.work.packing.wrapping"],
        );
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
