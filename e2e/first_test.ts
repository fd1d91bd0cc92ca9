/** What somebody sees first: an empty fleet, which says what to do next. */
import { assert, assertEquals } from "@std/assert";
import { openPage, startBrowser, violationsEverywhere } from "./browser.ts";
import { enqueue, post, startProgram } from "./program.ts";

Deno.test("an empty fleet", async (t) => {
  await using program = await startProgram({}, "api");
  const { url } = program;
  const browser = await startBrowser();
  const errors: string[] = [];
  try {
    const page = await openPage(browser, errors, { expected: [404] });

    await t.step(
      "that nobody works is a problem, and no jobs are none",
      async () => {
        await page.goto(`${url}/ui/`);
        const problems = page.locator(".problems");
        await problems.getByRole("link", { name: "No worker is alive" })
          .waitFor();
        assertEquals(await page.locator(".card.bad").count(), 0);
        assertEquals(await violationsEverywhere(page, ""), []);
      },
    );

    await t.step(
      "the call that it shows stores a job, and the page shows that",
      async () => {
        const shown = await page.locator(".empty pre").textContent() ?? "";
        const [, to = ""] = /^curl (\S+)/.exec(shown) ?? [];
        const [, body = ""] = /-d '(.*)'$/.exec(shown) ?? [];
        await post(to, JSON.parse(body));
        await page.locator("tr", { hasText: "default" }).waitFor();
        assertEquals(to, `${url}/jobs`);
      },
    );

    await t.step(
      "an empty list says how it is filled, an empty answer how to ask",
      async () => {
        for (
          const path of [
            "actors",
            "machines/order",
            "machines/order?state=open",
          ]
        ) {
          await page.goto(`${url}/ui/${path}`);
          const said = path.includes("state=")
            ? "No actors in this state"
            : "No actors yet";
          await page.locator(".empty", { hasText: said }).waitFor();
        }
        await page.goto(`${url}/ui/jobs?q=state:retry`);
        await page.locator(".empty", {
          hasText: "Take a word out of the query",
        }).waitFor();
      },
    );

    await t.step("a schedule fires by the clocks of its own zone", async () => {
      const schedule = {
        cron: "0 9 1 1 *",
        timeZone: "Asia/Tokyo",
        type: "email.send",
      };
      const response = await fetch(`${url}/schedules/new-year`, {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          ...schedule,
          payload: { to: "a@example.org", subject: "-" },
        }),
      });
      assert(response.ok, await response.text());
      await page.goto(`${url}/ui/schedules/new-year`);
      await page.locator(".panel", { hasText: "-01-01 09:00:00)" }).waitFor();
      const next = page.locator("p time").first();
      assert(
        / \d{4} .*GMT/.test(await next.getAttribute("title") ?? ""),
        "of which zone",
      );
      await page.locator(".times time", { hasText: "-01-01 09:00:00" }).first()
        .waitFor();
    });

    await t.step(
      "a tab that is chosen is in sight, and a long name within its panel",
      async () => {
        await page.setViewportSize({ width: 1440, height: 900 });
        await post(`${url}/actors`, {
          machine: "order",
          id: "order-1",
          input: { total: 5, items: ["book"] },
        });
        const id = await enqueue(url, {
          type: "email.send",
          payload: { to: "a@example.org", subject: "-" },
        });
        for (const path of [`jobs/${id}`, "actors/order-1"]) {
          await page.goto(`${url}/ui/${path}`);
          await page.getByRole("tab", { name: "Raw" }).click();
          await page.waitForFunction(() => {
            const panel = document.querySelector("[role=tabpanel] pre");
            return panel &&
              panel.getBoundingClientRect().top < innerHeight - 200;
          });
        }
        const fire = page.locator(".fire").first();
        await fire.evaluate((each) =>
          each.textContent = "A_LONG_NAME_".repeat(12)
        );
        const out = await page.locator(".side").evaluate((side) =>
          side.scrollWidth - side.clientWidth
        );
        assertEquals(out, 0);
      },
    );

    await t.step("what is chosen is seen without grounds, too", async () => {
      await page.emulateMedia({ forcedColors: "active" });
      const look = (name: string) =>
        page.getByRole("tab", { name }).evaluate((tab) =>
          getComputedStyle(tab).outlineStyle
        );
      assertEquals([await look("Raw"), await look("History")], [
        "solid",
        "none",
      ]);
      await page.emulateMedia({ forcedColors: "none" });
    });

    await t.step("in a low window the bar of time leaves room", async () => {
      await page.setViewportSize({ width: 720, height: 450 });
      const bar = page.locator(".timeline");
      assertEquals(
        await bar.evaluate((each) => getComputedStyle(each).position),
        "static",
      );
    });

    await t.step("the words of a row are on one line", async () => {
      await page.goto(`${url}/ui/`);
      const row = page.locator(".scroll[aria-label=Queues] tbody tr").first();
      await row.waitFor();
      const middles = await row.evaluate((row) =>
        [row.querySelector("a"), row.querySelector("td + td")].map((each) => {
          const range = document.createRange();
          range.selectNodeContents(each ?? row);
          const { top, height } = range.getBoundingClientRect();
          return top + height / 2;
        })
      );
      assert(
        Math.abs((middles[0] ?? 0) - (middles[1] ?? 9)) < 1,
        middles.join(),
      );
    });
    assertEquals(errors, []);
  } finally {
    await browser.close();
  }
});
