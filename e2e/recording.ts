/**
 * The recorded run: a job fails twice, is a dead letter, is requeued from the page, watched until it
 * has succeeded, and stepped back through its past.
 */
import type { Browser, Page } from "playwright-core";
import { openPage } from "./browser.ts";
import { animation, type Frame } from "./palette.ts";
import { enqueue } from "./program.ts";

const SIZE = { width: 1120, height: 760 } as const;

/** Plays it, on a program that may call 127.0.0.1, and gives an animated PNG. */
export async function recordLife(
  browser: Browser,
  url: string,
): Promise<Uint8Array> {
  let answers = 0;
  await using service = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => new Response("", { status: answers++ < 2 ? 503 : 200 }),
  );
  const frames: Frame[] = [];
  const page = await openPage(browser, [], SIZE);
  const take = async (ms = 1_000, of: Page = page) => {
    frames.push({ png: await of.screenshot(), ms });
  };
  const until = (state: string) =>
    page.locator(`.state.on[data-state=${state}]`).waitFor();
  const id = await enqueue(url, {
    type: "http.request",
    payload: { url: `http://127.0.0.1:${service.addr.port}/invoices` },
    maxAttempts: 2,
    backoff: { baseMs: 12_000, factor: 1, capMs: 12_000 },
  });
  await page.goto(`${url}/ui/jobs/${id}`);
  await until("retry");
  await take();
  await until("dead_letter");
  await page.locator(".head [data-status=dead_letter]").waitFor();
  await take(1_600);
  const desk = await openPage(browser, [], SIZE);
  await desk.goto(`${url}/ui/dead-letters`);
  await requeue(desk, (ms) => take(ms, desk));
  await until("succeeded");
  await page.locator(".head [data-status=succeeded]").waitFor();
  await page.locator("[data-testid=position]", { hasText: "8 / 8" }).waitFor();
  await take(1_600);
  for (let step = 7; step >= 1; step--) {
    await page.keyboard.press("ArrowLeft");
    await page.locator("[data-testid=position]", { hasText: `${step} / 8` })
      .waitFor();
    await take(step === 1 ? 1_600 : 700);
  }
  const picture = await animation(page, frames);
  await page.close();
  await desk.close();
  return picture;
}

/** From the page of dead letters: checked, then done. */
async function requeue(
  page: Page,
  take: (ms: number) => Promise<void>,
): Promise<void> {
  const group = page.locator("[data-fingerprint]", {
    hasText: "/invoices answered 503",
  });
  await group.getByRole("button", { name: "Requeue 1…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Check" }).click();
  await dialog.getByText("1 would be requeued").waitFor();
  await take(2_000);
  await dialog.getByRole("button", { name: "Requeue", exact: true }).click();
  await page.locator("[data-operation]").first().waitFor();
}
