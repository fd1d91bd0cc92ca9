/** A browser for the tests, and pages on which every error fails them. */
import { existsSync } from "node:fs";
import axe from "axe-core";
import { assertEquals } from "@std/assert";
import { type Browser, chromium, type Page } from "playwright-core";

const ARGS = [
  ...[
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
  ],
  ...["--disable-background-networking", "--disable-component-update"],
];

/** What is waited for comes when it comes: longer than any machine takes, and only a failure waits so long. */
export const PATIENCE_MS = 120_000;

/** The one without windows first: the other works a second of processor time for its own with each page. */
const PATHS = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];

/** Starts Chromium: that of `CHROMIUM`, or else what Debian installs. */
export function startBrowser(more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: Deno.env.get("CHROMIUM") || PATHS.find(existsSync),
    args: [...ARGS, ...more],
    timeout: PATIENCE_MS,
  });
}

/** How a page is looked at. */
export interface Look {
  readonly theme?: "light" | "dark";
  readonly width?: number;
  readonly height?: number;
  /** Statuses of answers that the test expects. */
  readonly expected?: readonly number[];
}

/** Opens a page; what its console complains of is added to `errors`. */
export async function openPage(
  browser: Browser,
  errors: string[],
  look: Look = {},
): Promise<Page> {
  const { theme = "light", width = 1440, height = 960, expected = [] } = look;
  const page = await browser.newPage({
    viewport: { width, height },
    colorScheme: theme,
    reducedMotion: "reduce",
  });
  page.setDefaultTimeout(PATIENCE_MS);
  page.on("pageerror", (error) => errors.push(`${page.url()}: ${error}`));
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    const [, status = ""] = /status of (\d+)/.exec(message.text()) ?? [];
    if (!expected.includes(Number(status))) {
      errors.push(`${page.url()}: ${message.text()}`);
    }
  });
  return page;
}

/** Ids of the innermost states that are lit. */
export function lit(page: Page): Promise<(string | null)[]> {
  return page.locator(".chart .state.leaf.on").evaluateAll((states) =>
    states.map((state) => state.getAttribute("data-state"))
  );
}

/** Waits until the innermost lit states are these, and no others. */
export async function untilLit(
  page: Page,
  ids: readonly string[],
  why?: string,
): Promise<void> {
  const wanted = ids.toSorted();
  const isSo = async () =>
    (await lit(page)).toSorted().join() === wanted.join();
  await until(isSo).catch(() => {});
  assertEquals((await lit(page)).toSorted(), wanted, why);
}

/** Asks until it is so: the page works beside the test. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!await isSo()) {
    if (performance.now() > deadline) {
      throw new Error("It has not come to that");
    }
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Waits until nothing of a page is still on its way. */
export async function whole(page: Page): Promise<void> {
  await page.locator("main :is(h1, .empty)").first().waitFor();
  await page.waitForFunction(() => !document.querySelector("[aria-busy=true]"));
}

/**
 * Waits until a page hears keys: what listens is put in place after the page was painted, at the
 * latest by a timer of 100 ms. These run after that one, however slow the machine is.
 */
export async function awake(page: Page): Promise<void> {
  await page.evaluate(() =>
    new Promise((done) =>
      setTimeout(() => setTimeout(() => setTimeout(done, 10), 10), 120)
    )
  );
}

/** Fails on anything that axe finds. */
export async function demandAccessible(
  page: Page,
  where: string,
): Promise<void> {
  assertEquals(await violationsOf(page), [], where);
}

/** What axe finds, a line for each rule. */
export async function violationsOf(page: Page): Promise<string[]> {
  // As the tools of a browser do it: the policy of the page forbids scripts that are put into it.
  const isThere = await page.evaluate(() => Reflect.has(globalThis, "axe"));
  if (!isThere) await page.evaluate(axe.source);
  return await page.evaluate(async () => {
    const tags = [
      "wcag2a",
      "wcag2aa",
      "wcag21a",
      "wcag21aa",
      "wcag22aa",
      "best-practice",
    ];
    const { violations } = await Reflect.get(globalThis, "axe").run(document, {
      runOnly: tags,
      // What passes is not told, and the sheets of other origins are none of ours.
      resultTypes: ["violations"],
      preload: false,
    });
    return violations.map(
      (
        each: { id: string; nodes: { html: string; failureSummary: string }[] },
      ) => {
        const nodes = each.nodes.slice(0, 3).map(({ html, failureSummary }) =>
          `${html.slice(0, 200)} ${failureSummary.slice(0, 200)}`
        );
        return `${each.id}: ${nodes.join(" | ")}`;
      },
    );
  });
}

const THEMES = ["light", "dark"] as const;
const WIDTHS = [1440, 390] as const;

/** What axe finds in both themes on a wide and a narrow page, and where the page sticks out. */
export async function violationsEverywhere(
  page: Page,
  path: string,
): Promise<string[]> {
  const found: string[] = [];
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 960 });
    const out = await overflow(page);
    if (out > 0) found.push(`/ui/${path}, ${width}: sticks out by ${out}`);
    for (const theme of THEMES) {
      await page.emulateMedia({ colorScheme: theme });
      const where = `/ui/${path}, ${theme}, ${width}`;
      found.push(
        ...(await violationsOf(page)).map((each) => `${where}: ${each}`),
      );
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1440, height: 960 });
  return found;
}

/** How far a page sticks out of its window, when it has got used to its width: some parts measure it. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const root = document.documentElement;
    for (let frames = 0; frames < 60; frames++) {
      await new Promise((done) => requestAnimationFrame(done));
      if (frames >= 2 && root.scrollWidth <= root.clientWidth) break;
    }
    return root.scrollWidth - root.clientWidth;
  });
}
