/** The pages in a real browser, on the real program. */
import { assert, assertEquals } from "@std/assert";
import {
  awake,
  openPage,
  overflow,
  startBrowser,
  untilLit,
} from "./browser.ts";
import { enqueue, post, startProgram } from "./program.ts";

const SHOTS = new URL("../.out/", import.meta.url).pathname;

Deno.test("the pages of jobs", async (t) => {
  await using program = await startProgram();
  await Deno.mkdir(SHOTS, { recursive: true });
  const browser = await startBrowser();
  const errors: string[] = [];
  try {
    await t.step(
      "a job that failed, retried and succeeded is stepped to its failure",
      async () => {
        const payload = {
          times: 1,
          message: "Mail server said no <script>alert(1)</script>",
        };
        const backoff = { baseMs: 200, factor: 2, capMs: 1_000 };
        const id = await enqueue(program.url, {
          type: "debug.fail",
          payload,
          backoff,
        });
        const page = await openPage(browser, errors);
        await page.goto(`${program.url}/ui/jobs/${id}`);
        await page.locator(".head [data-status=succeeded]").waitFor();
        await page.locator(".history tr[data-version='5']").waitFor();
        await page.locator(".state.on[data-state=succeeded]").waitFor();
        await untilLit(page, ["succeeded"]);
        await awake(page);
        for (const wanted of ["running", "retry"]) {
          await page.keyboard.press("ArrowLeft");
          await untilLit(page, [wanted]);
        }
        await page.waitForURL((url) => url.searchParams.get("step") === "3");
        assertEquals(
          await page.locator(".edge.taken").getAttribute("data-to"),
          "retry",
        );
        assert(
          (await page.locator(".panel.error .failure").textContent())?.includes(
            "<script>",
          ),
        );
        await page.screenshot({ path: `${SHOTS}job-light.png` });
        await page.reload();
        await page.locator(".chart .state.leaf.on").waitFor();
        await untilLit(page, ["retry"], "the address keeps the step");
        await page.close();
        const dark = await openPage(browser, errors, {
          theme: "dark",
          width: 380,
        });
        await dark.goto(`${program.url}/ui/jobs/${id}?step=3`);
        await dark.locator(".chart .state.leaf.on").waitFor();
        assertEquals(
          await overflow(dark),
          0,
          "nothing sticks out of a narrow page",
        );
        await dark.screenshot({
          path: `${SHOTS}job-narrow-dark.png`,
          fullPage: true,
        });
        await dark.close();
      },
    );

    await t.step(
      "a button sends its event, and the page follows live",
      async () => {
        const id = await enqueue(program.url, {
          type: "debug.noop",
          delayMs: 3_600_000,
        });
        const page = await openPage(browser, errors);
        await page.goto(`${program.url}/ui/jobs/${id}`);
        await page.locator("#live.live").waitFor();
        await page.locator(".chart .state.leaf.on").waitFor();
        await untilLit(page, ["scheduled"]);
        await page.locator("button[data-event=CANCEL]").click();
        await page.locator(".head [data-status=cancelled]").waitFor();
        await page.locator(".state.on[data-state=cancelled]").waitFor();
        // Somebody else brings it back; the page learns of it by the stream.
        await post(`${program.url}/jobs/${id}/events`, { type: "REQUEUE" });
        await page.locator(".state.on[data-state=succeeded]").waitFor();
        await page.close();
      },
    );

    await t.step(
      "a server that is away is said so, and the page goes on when it is back",
      async () => {
        // What fails for want of a connection bears no status.
        const page = await openPage(browser, errors, { expected: [0] });
        await page.goto(`${program.url}/ui/queues`);
        await page.getByRole("link", { name: "default" }).waitFor();
        await page.context().setOffline(true);
        const alert = page.getByRole("alert");
        await alert.filter({ hasText: "cannot be reached" }).waitFor();
        await page.getByRole("link", { name: "default" }).waitFor();
        await page.context().setOffline(false);
        await alert.waitFor({ state: "detached" });
        // A picture that could not be fetched is asked for again; until then there is its text.
        await page.route("**/chart.svg*", (route) => route.abort());
        await page.goto(`${program.url}/ui/machines/job`);
        await page.locator(".charttext").waitFor();
        await page.unroute("**/chart.svg*");
        await page.locator(".viewport svg").waitFor();
        await page.close();
      },
    );

    await t.step("the overview counts, filters and links", async () => {
      const id = await enqueue(program.url, {
        type: "debug.fail",
        payload: { times: 9 },
        maxAttempts: 1,
        tags: ["bad"],
      });
      const page = await openPage(browser, errors);
      await page.goto(`${program.url}/ui/`);
      const card = page.locator("[data-count=dead_letter]");
      await card.locator("strong", { hasText: "1" }).waitFor();
      await page.screenshot({ path: `${SHOTS}overview-light.png` });
      await card.click();
      await page.locator(`tr[data-job="${id}"]`).waitFor();
      await page.locator(`tr[data-job="${id}"] a`).first().click();
      await page.locator(".head [data-status=dead_letter]").waitFor();
      await page.close();
    });

    assertEquals(errors, []);
  } finally {
    await browser.close();
  }
});
