/** One actor: stepped through, told, checked first, forked; what others do is seen live. */
import { assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import {
  awake,
  demandAccessible,
  openPage,
  startBrowser,
  untilLit,
} from "./browser.ts";
import { post, startProgram } from "./program.ts";

const PICKING = ["open.work.packing.picking", "open.contact.quiet"];
const WRAPPING = ["open.work.packing.wrapping", "open.contact.quiet"];

/** Waits until the keys are in a state of the chart. */
async function untilAt(page: Page, id: string): Promise<void> {
  await page.waitForFunction(
    (id) => document.activeElement?.getAttribute("data-state") === id,
    id,
  );
}

Deno.test("the page of an actor", async (t) => {
  await using program = await startProgram();
  const { url } = program;
  const browser = await startBrowser();
  const errors: string[] = [];
  const page = await openPage(browser, errors, { expected: [409, 412, 422] });
  try {
    await post(`${url}/actors`, {
      machine: "order",
      id: "order-1",
      input: { total: 12_900, items: ["book"] },
    });
    await post(`${url}/actors`, {
      machine: "order",
      id: "order-2",
      input: { total: 5, items: ["lamp"] },
    });
    await t.step("it is followed live, region by region", async () => {
      await page.goto(`${url}/ui/actors/order-1`);
      await untilLit(page, PICKING);
      await post(`${url}/actors/order-1/events`, { type: "PICKED" });
      await untilLit(page, WRAPPING);
      assertEquals(
        await page.locator(".edge.taken").getAttribute("data-to"),
        "open.work.packing.wrapping",
      );
    });

    await t.step(
      "each step shows the states, event and context that the server had",
      async () => {
        const answer = await (await fetch(`${url}/actors/order-1/transitions`))
          .json();
        for (
          const { version, to } of [
            ...answer.items,
            ...answer.items.toReversed(),
          ]
        ) {
          await page.locator(`.history tr[data-version="${version}"] button`)
            .click();
          await untilLit(page, to.split(","), `step ${version}`);
        }
        await page.locator(`.history tr[data-version="2"] button`).click();
        await page.waitForURL((url) => url.searchParams.get("step") === "2");
        const change = page.locator(".diff li", { hasText: "reservation" });
        await change.locator("del", { hasText: "null" }).waitFor();
        await change.locator("ins", { hasText: "reservation:order-1" })
          .waitFor();
        await page.locator(".pasttime").waitFor();
        // What was under way then is shown as it was then.
        await page.locator(".panel.activities li", { hasText: "charge" })
          .waitFor();
        await page.locator(".panel.timers li", { hasText: "after remind" })
          .locator("time", { hasText: /\d/ }).waitFor();
        assertEquals(
          await page.locator(".panel.accepts").count(),
          0,
          "the past takes no events",
        );
      },
    );

    await t.step(
      "what happens meanwhile does not move who looks at the past",
      async () => {
        await post(`${url}/actors/order-1/events`, { type: "HOLD" });
        await page.locator("[data-testid=position]", { hasText: "2 / 5" })
          .waitFor();
        await untilLit(page, ["open.work.charging", "open.contact.quiet"]);
        await page.getByRole("button", { name: "Live" }).click();
        await untilLit(page, ["open.work.held", "open.contact.quiet"]);
        await page.waitForURL((url) => !url.searchParams.has("step"));
      },
    );

    await t.step("an event is checked, refused, and sent", async () => {
      await page.locator("button[data-event=RELEASE]").click();
      const dialog = page.getByRole("dialog", { name: "Send an event" });
      await dialog.getByRole("button", { name: "Check" }).click();
      await dialog.getByText("Would be handled").waitFor();
      await demandAccessible(page, "the send dialog");
      const version = async () =>
        (await (await fetch(`${url}/actors/order-1`)).json()).version;
      const before = await version();
      await dialog.getByLabel("Event").fill("NONSENSE");
      await dialog.getByRole("button", { name: "Check" }).click();
      await dialog.getByRole("alert").waitFor();
      await dialog.getByLabel("Payload, JSON").fill("{nonsense");
      await dialog.getByRole("button", { name: "Check" }).click();
      await dialog.getByRole("alert").waitFor();
      assertEquals(await version(), before, "nothing was stored");
      await dialog.getByLabel("Event").fill("RELEASE");
      await dialog.getByLabel("Payload, JSON").fill("");
      await dialog.getByRole("button", { name: "Send" }).click();
      await untilLit(page, WRAPPING);
      await page.waitForFunction(() =>
        document.activeElement?.closest("main") !== null
      );
    });

    await t.step(
      "keys alone: through the chart, along the steps, to the text",
      async () => {
        await page.locator(".chart [tabindex='0']").focus();
        await page.keyboard.press("ArrowDown");
        await page.keyboard.press("ArrowDown");
        await untilAt(page, "open.work");
        await page.keyboard.press("ArrowRight");
        await untilAt(page, "open.contact");
        assertEquals(
          await page.locator(".chart [tabindex='0']").count(),
          1,
          "one stop for the tab key",
        );
        await page.locator("h1").click();
        await awake(page);
        await page.keyboard.press("Home");
        await page.locator("[data-testid=position]", { hasText: /^1 / })
          .waitFor();
        await page.keyboard.press("t");
        const active = page.locator(".charttext li.on", {
          hasText: "reserving",
        });
        await active.first().waitFor();
        await demandAccessible(page, "the text of a chart");
        await page.keyboard.press("t");
        await page.keyboard.press("l");
        await untilLit(page, WRAPPING);
      },
    );

    await t.step("it and its jobs lead to each other", async () => {
      await page.getByRole("tab", { name: "Related" }).click();
      await page.getByRole("link", { name: "look them up" }).click();
      const jobs = page.locator("tr[data-job]");
      await jobs.filter({ hasText: "order/charge" }).waitFor();
      assertEquals(await jobs.count(), 2, "its own, and no others");
      await jobs.filter({ hasText: "order/reserve" }).click();
      await page.getByRole("link", { name: "order-1", exact: true }).click();
      await untilLit(page, WRAPPING);
    });

    await t.step(
      "one whose name has a slash and a percent sign is as well found",
      async () => {
        const id = "50 %/order";
        const order = { total: 5, items: ["lamp"] };
        await post(`${url}/actors`, { machine: "order", id, input: order });
        await page.goto(`${url}/ui/actors/${encodeURIComponent(id)}`);
        await untilLit(page, PICKING);
        await page.getByRole("tab", { name: "Related" }).click();
        await page.getByRole("link", { name: "look them up" }).click();
        const jobs = page.locator("tr[data-job]");
        await jobs.filter({ hasText: "order/charge" }).click();
        await page.getByRole("link", { name: id, exact: true }).click();
        await untilLit(page, PICKING);
        await page.goto(`${url}/ui/actors/order-1`);
        await untilLit(page, WRAPPING);
      },
    );

    await t.step("it forks from a step of its past", async () => {
      await page.locator(`.history tr[data-version="3"] button`).click();
      await page.getByRole("button", { name: "Fork, rewind…" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Name of the fork").fill("order-1-again");
      await dialog.getByRole("button", { name: "Fork", exact: true }).click();
      await page.waitForURL(/order-1-again/);
      await untilLit(page, PICKING);
    });

    await t.step("one that has ended takes no events", async () => {
      await post(`${url}/actors/order-1-again/cancel`, {});
      await page.locator(".head [data-status=done]").waitFor();
      await page.locator(".state.on[data-state=undone]").waitFor();
      await page.locator(".panel.accepts", { hasText: "nothing" }).waitFor();
      await page.getByRole("button", { name: "Send…" })
        .waitFor({ state: "detached" });
    });
    assertEquals(errors, []);
  } finally {
    await browser.close();
  }
});
