/** The ways through the pages that need no pointer. */
import type { Page } from "playwright-core";
import { awake, untilLit } from "./browser.ts";
import { enqueue } from "./program.ts";

/** Finds `order-2`, opens it, steps back, and sends it an event; the focus comes back. */
export async function byKeys(page: Page, url: string): Promise<void> {
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
  await awake(page);
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
  await page.locator("[data-testid=position]", { hasText: "3 / 3" }).waitFor();
  await awake(page);
  await page.keyboard.press("ArrowLeft");
  await page.waitForURL((url) => url.searchParams.get("step") === "2");
  await page.keyboard.press("l");
  const send = page.getByRole("button", { name: "Send…" });
  await send.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.getByLabel("Event", { exact: true }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.waitForFunction(() =>
    document.activeElement?.textContent === "Send…"
  );
  await page.keyboard.press("e");
  await page.getByLabel("Event", { exact: true }).fill("PICKED");
  await page.keyboard.press("Enter");
  await page.locator(".state.on[data-state='open.work.packing.wrapping']")
    .waitFor();
  await untilLit(page, ["open.contact.quiet", "open.work.packing.wrapping"]);
}

/** Brings one dead letter back. */
export async function requeueByKeys(page: Page, url: string): Promise<void> {
  const id = await enqueue(url, {
    type: "debug.fail",
    payload: { times: 1, message: "once" },
    maxAttempts: 1,
  });
  await page.goto(`${url}/ui/dead-letters`);
  const requeue = page.getByRole("button", { name: "Requeue 1…" });
  await requeue.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Requeue dead letters" });
  await dialog.waitFor();
  const pressed = async (name: string) => {
    for (let n = 0; n < 8; n++) {
      const here = await page.evaluate(() =>
        document.activeElement?.textContent
      );
      if (here === name) return await page.keyboard.press("Enter");
      await page.keyboard.press("Tab");
    }
    throw new Error(`The tab key never comes to ${name}`);
  };
  await pressed("Check");
  await dialog.getByText("1 would be requeued").waitFor();
  await pressed("Requeue");
  await page.waitForURL(/operations\?id=/);
  await page.goto(`${url}/ui/jobs/${id}`);
  await page.locator(
    ".state.on[data-state=dead_letter], .state.on[data-state=succeeded]",
  )
    .first().waitFor();
  await page.locator(".history tr", { hasText: "REQUEUE" }).waitFor();
}
