/** Every page: for everybody, in every theme, on every width, within its size; and hostile names. */
import { assert, assertEquals } from "@std/assert";
import { openPage, overflow, startBrowser, violationsOf } from "./browser.ts";
import { post, startProgram } from "./program.ts";

const PAGES = [
  "",
  "machines",
  "machines/job",
  "machines/order",
  "jobs",
  "actors",
  "actors/order-1",
  "actors/order-1?step=2",
  "actors/nobody",
  "dead-letters",
  "queues",
  "schedules",
  "workers",
  "metrics",
  "operations",
  "operations?tab=audit",
  "nonsense",
];
const HOSTILE = `<script>alert(1)</script>"'>\u202e\u{1F4A5}${"x".repeat(150)}`;

Deno.test("all pages", async (t) => {
  await using program = await startProgram();
  const browser = await startBrowser();
  const errors: string[] = [];
  try {
    const { url } = program;
    await post(`${url}/actors`, {
      machine: "order",
      id: "order-1",
      input: { total: 12_900, items: ["book"] },
    });
    await post(`${url}/actors`, {
      machine: "approval",
      id: HOSTILE,
      input: { title: HOSTILE, approver: HOSTILE },
    });
    const { id: failed } = Object(
      await post(`${url}/jobs?wait=20s`, {
        type: "debug.fail",
        payload: { times: 9, message: HOSTILE },
        maxAttempts: 1,
        tags: ["bad"],
        metadata: { note: HOSTILE },
      }),
    );
    await t.step(
      "axe finds nothing, and nothing sticks out, in both themes",
      async () => {
        const found: string[] = [];
        for (const theme of ["light", "dark"] as const) {
          const width = theme === "light" ? 1440 : 390;
          const page = await openPage(browser, errors, {
            theme,
            width,
            expected: [400, 404],
          });
          for (const path of [...PAGES, `jobs/${failed}`]) {
            await page.goto(`${url}/ui/${path}`);
            await page.locator("main :is(h1, .empty)").first().waitFor();
            await page.locator("[aria-busy=true]").first().waitFor({
              state: "detached",
              timeout: 8_000,
            }).catch(() => {});
            found.push(
              ...(await violationsOf(page)).map((each) =>
                `/ui/${path}, ${theme}: ${each}`
              ),
            );
            assertEquals(await overflow(page), 0, `/ui/${path} at ${width}`);
          }
          await page.close();
        }
        assertEquals(found, []);
      },
    );

    await t.step("hostile names and payloads are text", async () => {
      const page = await openPage(browser, errors, { expected: [400, 404] });
      let alerts = 0;
      page.on("dialog", (dialog) => (alerts++, void dialog.dismiss()));
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
            "metrics",
            55,
          ]] as const
        ) {
          const page = await openPage(browser, errors, {
            expected: [400, 404],
          });
          const sizes = { js: 0, css: 0 };
          const reading: Promise<void>[] = [];
          page.on("response", (response) => {
            const [, kind] =
              /\.(js|css)$/.exec(new URL(response.url()).pathname) ?? [];
            if (kind !== "js" && kind !== "css") return;
            reading.push(
              response.body().then(async (body) => {
                const packed = new Blob([new Uint8Array(body)]).stream()
                  .pipeThrough(new CompressionStream("gzip"));
                sizes[kind] +=
                  (await new Response(packed).arrayBuffer()).byteLength / 1024;
              }),
            );
          });
          await page.goto(`${url}/ui/${path}`);
          await page.locator("main h1").waitFor();
          await page.waitForLoadState("load");
          await Promise.all(reading);
          assert(
            sizes.js > 5 && sizes.js <= limit,
            `/ui/${path}: ${sizes.js.toFixed(1)} KB of scripts`,
          );
          assert(sizes.css <= 6, `${sizes.css.toFixed(1)} KB of styles`);
          await page.close();
        }
      },
    );
    assertEquals(errors, []);
  } finally {
    await browser.close();
  }
});
