/** Every page: for everybody, in every theme, on every width, within its size; and hostile names. */
import { gzipSync } from "node:zlib";
import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import {
  awake,
  openPage,
  startBrowser,
  until,
  violationsEverywhere,
  whole,
} from "./browser.ts";
import { enqueue, post, startProgram } from "./program.ts";

const PAGES = [
  "",
  "machines",
  "machines/job",
  "machines/order",
  "machines/breaker?breaker=key:partner",
  "machines/approval?version=1&against=0",
  "jobs",
  "actors",
  "actors/order-1",
  "actors/order-1?step=2",
  "actors/nobody",
  "compare/actors/order-1?with=order-2",
  "dead-letters",
  "queues",
  "schedules",
  "workers",
  "metrics",
  "operations",
  "operations?tab=audit",
  "nonsense",
];
/** Where a dialog is, and what opens it; help opens by a key. */
const DIALOGS = [
  ["actors/order-1", "Send…"],
  ["actors/order-1", "Fork, rewind…"],
  ["actors/order-1", "Cancel…"],
  ["jobs/{later}", "Reschedule…"],
  ["dead-letters", "Requeue all…"],
  ["queues", "Limits…"],
  ["machines/breaker", "Close…"],
  ["", "?"],
] as const;
const HOSTILE = `<script>alert(1)</script>"'>\u202e\u{1F4A5}${"x".repeat(150)}`;

Deno.test("all pages", async (t) => {
  await using upstream = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => new Response("down", { status: 503 }),
  );
  await using program = await startProgram({ PERDURA_HTTP_ALLOW: "127.0.0.1" });
  const browser = await startBrowser();
  const errors: string[] = [];
  try {
    const { url } = program;
    for (const id of ["order-1", "order-2"]) {
      const input = { total: 12_900, items: ["book"] };
      await post(`${url}/actors`, { machine: "order", id, input });
    }
    await openBreaker(url, upstream.addr.port);
    await post(`${url}/actors`, {
      machine: "approval",
      id: HOSTILE,
      input: { title: HOSTILE, approver: HOSTILE },
    });
    const { id: failed } = Object(
      await post(`${url}/jobs?wait=60s`, {
        type: "debug.fail",
        payload: { times: 9, message: HOSTILE },
        maxAttempts: 1,
        tags: ["bad"],
        metadata: { note: HOSTILE },
      }),
    );
    const later = await enqueue(url, {
      type: "debug.noop",
      delayMs: 3_600_000,
    });
    await t.step(
      "axe finds nothing, and nothing sticks out: pages and dialogs, light and dark, wide and narrow",
      async () => {
        const found: string[] = [];
        const page = await openPage(browser, errors, { expected: [400, 404] });
        for (const path of [...PAGES, `jobs/${failed}`]) {
          await page.goto(`${url}/ui/${path}`);
          await whole(page);
          found.push(...await violationsEverywhere(page, path));
        }
        for (const [path, opener] of DIALOGS) {
          await page.goto(`${url}/ui/${path.replace("{later}", later)}`);
          await whole(page);
          if (opener === "?") {
            await awake(page);
            await page.keyboard.press("?");
          } else {
            await page.locator("main").getByRole("button", { name: opener })
              .first().click();
          }
          await page.getByRole("dialog").locator("button").first().waitFor();
          found.push(...await violationsEverywhere(page, `${path} ${opener}`));
        }
        await page.close();
        assertEquals(found, []);
      },
    );

    await t.step("an open breaker is seen, and closed by hand", async () => {
      const page = await openPage(browser, errors);
      await page.goto(`${url}/ui/`);
      await page.getByRole("link", { name: "Breaker of partner is open" })
        .click();
      await page.locator(".state[data-state=open] > .badge", { hasText: "1" })
        .waitFor();
      const row = page.locator("[data-breaker='key:partner']");
      await row.getByRole("button", { name: "key partner" }).click();
      await row.locator(".state.on[data-state=open]").waitFor();
      await row.getByRole("button", { name: "Close…" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Close" })
        .click();
      await row.locator(".state.on[data-state=closed]").waitFor();
      await page.close();
    });

    await t.step("hostile names and payloads are text", async () => {
      const page = await openPage(browser, errors, { expected: [400, 404] });
      let alerts = 0;
      page.on("dialog", (dialog) => {
        alerts++;
        dialog.dismiss().catch(() => {});
      });
      for (
        const path of [
          `jobs/${failed}?tab=raw`,
          `actors/${encodeURIComponent(HOSTILE)}?tab=context`,
          "actors",
          "dead-letters",
          `jobs?q=${encodeURIComponent(HOSTILE)}`,
          `machines/${encodeURIComponent(HOSTILE)}`,
        ]
      ) {
        await page.goto(`${url}/ui/${path}`);
        await page.getByText("<script>alert(1)</script>").first().waitFor({
          state: "attached",
        })
          .catch(() => {});
        assert((await page.content()).includes("alert(1)"), `${path} shows it`);
        assertEquals(await page.locator("main script").count(), 0, path);
      }
      assertEquals(alerts, 0);
      await page.close();
    });

    await t.step(
      "the policy allows nothing inline, and scripts stay small",
      async () => {
        const shell = await fetch(`${url}/ui/`);
        const policy = shell.headers.get("content-security-policy") ?? "";
        assert(
          policy.includes("default-src 'self'") && !policy.includes("unsafe"),
          policy,
        );
        await shell.body?.cancel();
        for (
          const [path, limit] of [["", 30], ["actors/order-1", 30], [
            "machines/order",
            30,
          ], [
            "metrics",
            55,
          ]] as const
        ) {
          const page = await openPage(browser, errors, {
            expected: [400, 404],
          });
          await page.goto(`${url}/ui/${path}`);
          await whole(page);
          const sizes = { js: 0, css: 0 };
          for (const address of await loaded(page)) {
            const [, kind] = /\.(js|css)$/.exec(new URL(address).pathname) ??
              [];
            if (kind !== "js" && kind !== "css") continue;
            sizes[kind] += await packedSize(address);
          }
          assert(
            sizes.js > 5 && sizes.js <= limit,
            `/ui/${path}: ${sizes.js.toFixed(1)} KB of scripts`,
          );
          assert(sizes.css <= 6, `${sizes.css.toFixed(1)} KB of styles`);
          await page.close();
        }
      },
    );

    await t.step(
      "what an instance asks for first comes beside its scripts, and once",
      async () => {
        const page = await openPage(browser, errors);
        for (const path of ["actors/order-1?step=2", `jobs/${failed}`]) {
          await page.goto(`${url}/ui/${path}`);
          await whole(page);
          await page.locator(".history tr[aria-current]").waitFor();
          const asked = await page.evaluate(() =>
            performance.getEntriesByType("resource").flatMap((entry) =>
              /transitions|session/.test(entry.name) &&
                entry instanceof PerformanceResourceTiming
                ? [entry.initiatorType]
                : []
            )
          );
          assertEquals(asked, ["link", "link"], path);
        }
        await page.goto(`${url}/ui/actors`);
        await page.hover('a[href="/ui/actors/order-1"]');
        // Whoever points at a link has its page before going there.
        await page.waitForFunction(() =>
          performance.getEntriesByType("resource").some(({ name }) =>
            /\/actor-\w+\.js$/.test(name)
          )
        );
        await page.close();
      },
    );
    assertEquals(errors, []);
  } finally {
    await browser.close();
  }
});

/**
 * The addresses of all that a page has loaded, from its own list: reading bodies
 * as they come leaves a read behind when the page is closed under it.
 */
function loaded(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    performance.getEntriesByType("resource").map((entry) => entry.name)
  );
}

/** KB of what an address serves, with gzip. */
async function packedSize(address: string): Promise<number> {
  const body = await (await fetch(address)).arrayBuffer();
  return gzipSync(new Uint8Array(body)).byteLength / 1024;
}

/** Five calls of one service that is down; an operator keeps it open for as long as the test takes. */
async function openBreaker(url: string, port: number): Promise<void> {
  for (let n = 0; n < 5; n++) {
    await post(`${url}/jobs?wait=60s`, {
      type: "http.request",
      payload: { url: `http://127.0.0.1:${port}/` },
      limitKey: "partner",
      maxAttempts: 1,
    });
  }
  const breaker = `${url}/breakers/key:partner`;
  await until(async () => {
    const { state } = Object(await (await fetch(breaker)).json());
    return state === "open";
  });
  await post(`${breaker}/open`, {});
}
