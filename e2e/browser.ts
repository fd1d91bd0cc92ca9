/** A browser for the tests, and pages on which every error fails them. */
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

/** Starts Chromium. */
export function startBrowser(more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: Deno.env.get("CHROMIUM") ?? "/usr/bin/chromium",
    args: [...ARGS, ...more],
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

/** How far a page sticks out of its window. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate(() =>
    document.documentElement.scrollWidth - document.documentElement.clientWidth
  );
}
