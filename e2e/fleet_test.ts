/** The fleet: counts, filters, pages, queries, many at once; and one job's whole life, watched. */
import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import {
  awake,
  demandAccessible,
  openPage,
  startBrowser,
  until,
  untilLit,
} from "./browser.ts";
import { enqueue, post, startProgram } from "./program.ts";

const SHOTS = new URL("../.out/", import.meta.url).pathname;
const dying = (message: string, more: object = {}) => ({
  type: "debug.fail",
  payload: { times: 9, message },
  maxAttempts: 1,
  ...more,
});

const read = async (url: string) => Object(await (await fetch(url)).json());
const rowsOf = (page: Page) =>
  page.locator("tr[data-job]").evaluateAll((rows) =>
    rows.map((row) => row.getAttribute("data-job") ?? "")
  );

Deno.test("the fleet", async (t) => {
  let answers = 0;
  await using upstream = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () =>
      new Response(answers < 2 ? "not yet" : "here", {
        status: answers++ < 2 ? 503 : 200,
      }),
  );
  await using program = await startProgram({ PERDURA_HTTP_ALLOW: "127.0.0.1" });
  const { url } = program;
  await Deno.mkdir(SHOTS, { recursive: true });
  const browser = await startBrowser();
  const errors: string[] = [];
  const deadCount = async () => {
    const groups = await read(`${url}/dead-letters?groupBy=fingerprint`);
    return groups.items.reduce(
      (sum: number, { count }: { count: number }) => sum + count,
      0,
    );
  };
  try {
    const page = await openPage(browser, errors, {
      expected: [400, 404, 409, 412],
    });

    await t.step(
      "a job fails twice, dies, is brought back from the page, and succeeds",
      async () => {
        const id = await enqueue(url, {
          type: "http.request",
          payload: { url: `http://127.0.0.1:${upstream.addr.port}/stock` },
          maxAttempts: 2,
          backoff: { baseMs: 200, factor: 1, capMs: 200 },
        });
        await page.goto(`${url}/ui/jobs/${id}`);
        await page.locator(".head [data-status=dead_letter]").waitFor();
        await page.locator(".state.on[data-state=dead_letter]").waitFor();
        await page.screenshot({ path: `${SHOTS}life-1-dead.png` });
        await page.goto(`${url}/ui/dead-letters`);
        const group = page.locator("[data-fingerprint]", {
          hasText: "answered 503",
        });
        await group.getByRole("button", { name: "Requeue 1…" }).click();
        const dialog = page.getByRole("dialog", {
          name: "Requeue dead letters",
        });
        await dialog.getByRole("button", { name: "Check" }).click();
        await dialog.getByText("1 would be requeued").waitFor();
        await page.screenshot({ path: `${SHOTS}life-2-requeue.png` });
        // Watched from beside, live, while it is brought back here.
        const watching = await openPage(browser, errors);
        await watching.goto(`${url}/ui/jobs/${id}`);
        await watching.locator("#live.live").waitFor();
        await watching.locator(".state.on[data-state=dead_letter]").waitFor();
        await dialog.getByRole("button", { name: "Requeue", exact: true })
          .click();
        await watching.locator(".state.on[data-state=succeeded]").waitFor();
        await watching.locator(".head [data-status=succeeded]").waitFor();
        await watching.screenshot({ path: `${SHOTS}life-3-succeeded.png` });
        const past = await read(`${url}/jobs/${id}/transitions`);
        const told = past.items.map((
          { event, to }: { event: string; to: string },
        ) => `${event} ${to}`);
        assertEquals(told, [
          ...[
            "ENQUEUE pending",
            "CLAIM running",
            "FAIL retry",
            "CLAIM running",
          ],
          ...[
            "FAIL dead_letter",
            "REQUEUE pending",
            "CLAIM running",
            "SUCCEED succeeded",
          ],
        ]);
        await watching.locator("[data-testid=position]", { hasText: "8 / 8" })
          .waitFor();
        await awake(watching);
        for (const { to } of past.items.toReversed().slice(1)) {
          await watching.keyboard.press("ArrowLeft");
          await untilLit(watching, [to]);
        }
        await watching.screenshot({ path: `${SHOTS}life-4-first-step.png` });
        await watching.keyboard.press("PageDown");
        await untilLit(watching, ["retry"], "the next failure");
        await watching.close();
      },
    );

    await t.step(
      "the heat map has the numbers of the server; a state clicked filters",
      async () => {
        for (let n = 0; n < 3; n++) await enqueue(url, dying("disk full"));
        await enqueue(url, { type: "debug.noop", delayMs: 3_600_000 });
        await until(async () => await deadCount() === 3);
        await page.goto(`${url}/ui/machines/job`);
        const badge = (state: string, text: string) =>
          page.locator(`.state[data-state=${state}] > .badge`, {
            hasText: text,
          });
        await badge("dead_letter", "3").waitFor();
        await badge("scheduled", "1").waitFor();
        await page.locator(".state[data-state=dead_letter] > .name").click();
        await page.locator(".side h2", { hasText: "dead_letter" }).waitFor();
        await page.waitForFunction(() =>
          document.querySelectorAll("tr[data-job]").length === 3
        );
        const found = await read(`${url}/jobs?state=dead_letter`);
        assertEquals(
          await rowsOf(page),
          found.items.map(({ id }: { id: string }) => id),
        );
        assertEquals(
          new URL(page.url()).searchParams.get("state"),
          "dead_letter",
        );
        // Folded once in a while: then the ways have numbers.
        await page.getByRole("button", { name: "Flow" }).click();
        await page.locator(".edge .badge", { hasText: "/min" }).first()
          .waitFor();
        await page.getByRole("button", { name: "Failures" }).click();
        await page.locator(".state[data-state=running] > .badge").waitFor();
        await demandAccessible(page, "failures over the chart");
      },
    );

    await t.step(
      "pages of a list neither lose nor double what moves underneath",
      async () => {
        const jobs = Array.from({ length: 120 }, () => ({
          ...{ type: "debug.noop", delayMs: 3_600_000, tags: ["paged"] },
        }));
        await post(`${url}/jobs/batch`, { jobs });
        await page.goto(`${url}/ui/jobs?q=tag:paged`);
        const seen = new Set<string>();
        for (let n = 1; n <= 3; n++) {
          await page.locator("tr[data-job]").first().waitFor();
          const rows = await rowsOf(page);
          assertEquals(rows.length, n === 3 ? 20 : 50);
          for (const id of rows) {
            assert(!seen.has(id), `${id} once`);
            seen.add(id);
          }
          await post(`${url}/jobs/batch`, { jobs: jobs.slice(0, 7) });
          if (n === 3) break;
          await page.getByRole("button", { name: "older ›" }).click();
          await page.waitForFunction((old) => {
            const row = document.querySelector("tr[data-job]");
            return row !== null && row.getAttribute("data-job") !== old;
          }, rows[0]);
        }
        assertEquals(seen.size, 120);
        await page.getByRole("button", { name: "older ›" })
          .waitFor({ state: "detached" });
        await page.getByRole("button", { name: "‹ newer" }).click();
        await page.waitForFunction(() =>
          document.querySelectorAll("tr[data-job]").length === 50
        );
      },
    );

    await t.step(
      "a query error points at its word, and a view is kept",
      async () => {
        await page.goto(`${url}/ui/jobs`);
        await page.locator("#query").waitFor();
        await awake(page);
        await page.keyboard.press("/");
        await page.keyboard.type("queue:default state:deadd");
        await page.keyboard.press("Enter");
        const error = page.locator("#query-error");
        await error.waitFor();
        assertEquals(await error.locator("mark").textContent(), "state:deadd");
        assertEquals(
          await page.locator("#query").getAttribute("aria-invalid"),
          "true",
        );
        await demandAccessible(page, "a query error");
        await page.getByLabel("Query").fill("state:dead_letter error:full");
        await page.keyboard.press("Enter");
        await page.waitForFunction(() =>
          document.querySelectorAll("tr[data-job]").length === 3
        );
        await page.getByRole("button", { name: "Keep this view" }).click();
        await page.goto(`${url}/ui/jobs`);
        await page.getByRole("link", { name: "state:dead_letter error:full" })
          .click();
        await page.waitForFunction(() =>
          document.querySelectorAll("tr[data-job]").length === 3
        );
      },
    );

    await t.step(
      "many are requeued: checked, slowly, stopped half way; later ones stay",
      async () => {
        const jobs = Array.from(
          { length: 40 },
          () => dying("quota used up", { queue: "bulk" }),
        );
        await post(`${url}/jobs/batch`, { jobs });
        await until(async () => await deadCount() === 43);
        await page.goto(`${url}/ui/dead-letters`);
        const group = page.locator("[data-fingerprint]", {
          hasText: "quota used up",
        });
        await group.getByRole("button", { name: "Requeue 40…" }).click();
        const dialog = page.getByRole("dialog");
        // Forty seconds in all: it is stopped long before.
        await dialog.getByLabel("At most a second").fill("1");
        const late = await enqueue(
          url,
          dying("quota used up", { queue: "bulk" }),
        );
        await until(async () => await deadCount() === 44);
        await dialog.getByRole("button", { name: "Check" }).click();
        await dialog.getByText("40 would be requeued").waitFor();
        await demandAccessible(page, "the requeue dialog");
        // Held, so that what is brought back can be told apart.
        await post(`${url}/queues/bulk/pause`, {});
        await dialog.getByRole("button", { name: "Requeue", exact: true })
          .click();
        await page.waitForURL(/operations\?id=/);
        const id = new URL(page.url()).searchParams.get("id");
        const state = () => read(`${url}/operations/${id}`);
        await until(async () => (await state()).done > 0);
        const panel = page.locator(`[data-operation="${id}"]`);
        await panel.getByRole("button", { name: "Stop…" }).click();
        await page.getByRole("dialog").getByRole("button", { name: "Stop" })
          .click();
        await panel.locator("[data-status=cancelled]").waitFor();
        const { done, matched } = await state();
        assert(done > 0 && done < 40, `stopped half way, at ${done}`);
        assertEquals(matched, 40);
        const items = await read(`${url}/operations/${id}/items?limit=200`);
        const outcomes = items.items.filter((
          { outcome }: { outcome: string },
        ) => outcome === "done");
        assertEquals(outcomes.length, done, "an outcome for each");
        await page.waitForFunction(
          (count) =>
            [...document.querySelectorAll("[data-operation] tbody tr")]
              .filter((row) => row.textContent?.includes("done")).length ===
              count,
          done,
        );
        const waiting = await read(
          `${url}/jobs?queue=bulk&state=pending&limit=100`,
        );
        assertEquals(waiting.items.length, done);
        assertEquals(
          (await read(`${url}/jobs/${late}`)).state,
          "dead_letter",
          "frozen before it died",
        );
        await panel.getByText("1 a second").waitFor();
        await panel.locator("code", { hasText: "fingerprint:" }).waitFor();
        await page.goto(`${url}/ui/operations?tab=audit`);
        await page.getByText("operation.stop").waitFor();
        await page.getByRole("link", { name: `operations/${id}` }).first()
          .click();
        await panel.locator("tbody tr").first().waitFor();
      },
    );

    await t.step(
      "what is asked for again stays until it is answered",
      async () => {
        await page.goto(`${url}/ui/`);
        const letters = page.getByRole("region", {
          name: "Newest dead letters",
        });
        await letters.locator("li").first().waitFor();
        await page.locator("#live.live").waitFor();
        await letters.evaluate((panel) =>
          new MutationObserver(() => {
            if (panel.querySelector("li")) return;
            Reflect.set(globalThis, "wasEmpty", true);
          }).observe(panel, { childList: true, subtree: true })
        );
        await enqueue(url, dying("no more paper"));
        await letters.getByText("no more paper").waitFor();
        assertEquals(
          await page.evaluate(() => Reflect.get(globalThis, "wasEmpty")),
          undefined,
        );
      },
    );

    await t.step("two tabs agree", async () => {
      const other = await openPage(browser, errors);
      for (const each of [page, other]) await each.goto(`${url}/ui/`);
      for (const each of [page, other]) {
        await each.locator("#live.live").waitFor();
      }
      const { state } = await read(
        `${url}/jobs/${await enqueue(url, dying("disk full"))}`,
      );
      assert(state);
      const dead = async () => String(await deadCount());
      await until(async () => {
        const wanted = await dead();
        const shown = await Promise.all(
          [page, other].map((each) =>
            each.locator("[data-count=dead_letter] strong").textContent()
          ),
        );
        return shown.every((text) => text === wanted);
      });
      await other.close();
    });
    await page.close();
    assertEquals(errors, []);
  } finally {
    await browser.close();
  }
});
