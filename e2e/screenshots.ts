/** `deno task screenshots`: every page of a living demo, light and dark, wide and narrow, to docs/img/, and the recorded run. */
import { openPage, startBrowser } from "./browser.ts";
import type { Browser } from "playwright-core";
import { withPalette } from "./palette.ts";
import { recordLife } from "./recording.ts";

const ROOT = new URL("..", import.meta.url);
const IMAGES = new URL("docs/img/", ROOT).pathname;
const WARM_MS = 45_000;
/** `wide-light`, `life`, …: only those; none: all. */
const only = new Set(Deno.args);
const isWanted = (set: string) => only.size === 0 || only.has(set);

const PAGES = [
  ["overview", ""],
  ["machines", "machines"],
  ["machine-job", "machines/job"],
  ["machine-order", "machines/order"],
  ["machine-flow", "machines/order?over=flow"],
  ["versions", "machines/approval?version=1&against=0"],
  ["jobs", "jobs"],
  ["job", "jobs/{job}"],
  ["actors", "actors?q=machine:order"],
  ["actor", "actors/{actor}"],
  ["actor-past", "actors/{actor}?step=3"],
  ["compare", "compare/actors/{actor}?with={other}"],
  ["dead-letters", "dead-letters"],
  ["queues", "queues"],
  ["breaker", "machines/breaker?breaker=key:partner-api"],
  ["schedules", "schedules"],
  ["workers", "workers"],
  ["metrics", "metrics"],
  ["operations", "operations?id={operation}"],
  ["audit", "operations?tab=audit"],
] as const;
const SIZES = [["wide", 1440, 900], ["narrow", 390, 844]] as const;

const dir = await Deno.makeTempDir({ prefix: "perdura-shots-" });
await Deno.chmod(dir, 0o755);
const demo = new Deno.Command(Deno.execPath(), {
  args: ["run", "-A", "tools/demo.ts"],
  cwd: ROOT,
  env: { PERDURA_STATE_DIR: `${dir}/state`, PORT: "0", NO_COLOR: "1" },
  stdout: "piped",
}).spawn();
try {
  const url = await addressOf(demo.stdout);
  const begun = Date.now();
  const browser = await startBrowser();
  try {
    if (isWanted("life")) {
      const life = await recordLife(browser, url);
      await Deno.writeFile(`${IMAGES}life.png`, life);
    }
    const isOver = only.size === 1 && only.has("life");
    const rest = isOver ? 0 : begun + WARM_MS - Date.now();
    await new Promise((done) => setTimeout(done, Math.max(0, rest)));
    if (!isOver) await shoot(browser, url);
  } finally {
    await browser.close();
  }
} finally {
  demo.kill("SIGTERM");
  await demo.status;
  await Deno.remove(dir, { recursive: true });
}

async function addressOf(out: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  const reader = out.getReader();
  while (true) {
    const { done, value } = await reader.read();
    if (done) throw new Error("The demo has ended");
    text += decoder.decode(value, { stream: true });
    const [, found] = /lives at (\S+)\/ui\//.exec(text) ?? [];
    if (found) return found;
  }
}

/** A job that has failed, and an order that has come some way. */
async function samples(url: string): Promise<Readonly<Record<string, string>>> {
  const items = async (path: string) =>
    Object(await (await fetch(url + path)).json()).items;
  const [job] = await items("/jobs?state=dead_letter&limit=1");
  const orders = await items("/actors?machine=order&status=active&limit=100");
  const [order] = orders.sort((
    a: { version: number },
    b: { version: number },
  ) => b.version - a.version);
  const [operation] = await items("/operations?limit=1");
  return {
    job: job?.id ?? "",
    actor: order?.id ?? "",
    other: orders[1]?.id ?? "",
    operation: operation?.id ?? "",
  };
}

async function shoot(browser: Browser, url: string): Promise<void> {
  await Deno.mkdir(IMAGES, { recursive: true });
  const ids = await samples(url);
  for (const theme of ["light", "dark"] as const) {
    for (const [size, width, height] of SIZES) {
      if (!isWanted(`${size}-${theme}`)) continue;
      const page = await openPage(browser, [], { theme, width, height });
      for (const [name, path] of PAGES) {
        const address = path.replace(
          /\{(\w+)\}/g,
          (_, key) => encodeURIComponent(ids[key] ?? ""),
        );
        await page.goto(`${url}/ui/${address}`);
        await page.locator("main :is(h1, .empty)").first().waitFor();
        await page.locator(
          ".viewport svg, .card .line, table, .panel, .gallery, .empty",
        ).first()
          .waitFor();
        await page.waitForFunction(() =>
          [...document.images].every(({ complete }) => complete)
        );
        // Two samples make a line.
        await page.waitForTimeout(
          name === "overview" || name === "metrics" ? 6_000 : 1_200,
        );
        const picture = await withPalette(page, await page.screenshot());
        await Deno.writeFile(`${IMAGES}${name}-${size}-${theme}.png`, picture);
      }
      await page.close();
    }
  }
}
