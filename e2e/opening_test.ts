/** The page of an actor, opened by a link: what it asks, and what happens meanwhile. */
import { assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { awake, openPage, startBrowser, until } from "./browser.ts";
import { post, startProgram } from "./program.ts";

const OWN = "/ui/actors/order-1";
/** More than a page shows at first. */
const STEPS = 60;

/** What a page asks first. What it is about is asked again as soon as the stream tells of it. */
const [ABOUT, ...REST] = [
  "/actors/order-1",
  "/actors/order-1/transitions?last=40",
  "/machines/order?version=1",
  "/machines/order/chart.svg?version=1",
];
const FIRST = [ABOUT, ...REST];

/** What of it is asked, from now on. */
function asking(page: Page): string[] {
  const asked: string[] = [];
  page.on("request", (request) => {
    const { pathname, search } = new URL(request.url());
    const what = pathname + search.replace(/&hash=\w+$/, "");
    if (FIRST.includes(what)) asked.push(what);
  });
  return asked;
}

const position = (page: Page, text: string) =>
  page.locator("[data-testid=position]", { hasText: text }).waitFor();

Deno.test("a page is opened by a link", async (t) => {
  await using program = await startProgram();
  const { url } = program;
  const browser = await startBrowser();
  const errors: string[] = [];
  const page = await openPage(browser, errors);
  const link = page.locator(`a[href="${OWN}"]`);
  const tell = (type: string) => post(`${url}/actors/order-1/events`, { type });
  const list = async () => {
    await page.mouse.move(0, 0);
    await page.goto(`${url}/ui/actors`);
    await link.waitFor();
    await awake(page);
    asked.length = 0;
  };
  const asked = asking(page);
  const untilAsked = (count: number) =>
    until(() => Promise.resolve(asked.length === count));
  const answered = (what: string) =>
    page.waitForResponse((response) => response.url().endsWith(what));
  try {
    await post(`${url}/actors`, {
      ...{ machine: "order", id: "order-1" },
      input: { total: 5, items: ["lamp"] },
    });

    await t.step("who points at it asks, and does not ask again", async () => {
      await list();
      await link.hover();
      await untilAsked(4);
      assertEquals(asked, FIRST);
      await link.click();
      await position(page, "3 / 3");
      await page.locator(".viewport svg .on").first().waitFor();
      assertEquals(asked.filter((path) => path !== ABOUT), REST);
    });

    await t.step("so does who comes by keys", async () => {
      await list();
      await link.focus();
      await untilAsked(4);
      assertEquals(asked, FIRST);
      await page.keyboard.press("Enter");
      await position(page, "3 / 3");
      await page.locator(".viewport svg .on").first().waitFor();
      assertEquals(asked.filter((path) => path !== ABOUT), REST);
    });

    await t.step("what has happened since is seen", async () => {
      await list();
      const both = FIRST.slice(0, 2).map(answered);
      await link.hover();
      await Promise.all(both);
      await tell("HOLD");
      await link.click();
      await position(page, "4 / 4");
      await page.locator(".head .meta", { hasText: "step 4" }).waitFor();
    });

    await t.step(
      "an actor that is older than its steps is asked again",
      async () => {
        const old = await (await fetch(`${url}/actors/order-1`)).json();
        await tell("RELEASE");
        await page.route(
          (address) => address.pathname === "/actors/order-1",
          (route) => route.fulfill({ json: old }),
          { times: 1 },
        );
        await page.goto(url + OWN);
        await position(page, "5 / 5");
        await page.locator(".head .meta", { hasText: "step 5" }).waitFor();
      },
    );

    await t.step("who jumps while the rest comes stays there", async () => {
      // An open page follows the steps, and what it asks for them would be held in place of the rest.
      await page.goto("about:blank");
      for (let n = 5; n < STEPS; n++) await tell(n % 2 ? "HOLD" : "RELEASE");
      const come = Promise.withResolvers<void>();
      const isHeld = Promise.withResolvers<void>();
      await page.route("**/transitions?*limit=200*", async (route) => {
        isHeld.resolve();
        await come.promise;
        await route.continue();
      }, { times: 1 });
      await page.goto(url + OWN);
      await position(page, `${STEPS} / ${STEPS}`);
      await isHeld.promise;
      await page.locator("input[type=range]").fill("7");
      await page.locator(".history tr[data-version='7'][aria-current]")
        .waitFor();
      const rest = answered(`cursor=0&limit=200`);
      come.resolve();
      await rest;
      await position(page, `7 / ${STEPS}`);
      await page.locator(".history tr[data-version='7'][aria-current]")
        .waitFor();
    });
    assertEquals(errors, []);
  } finally {
    await browser.close();
  }
});
