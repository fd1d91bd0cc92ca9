/** The handbook: every link leads somewhere, and every page can be found from its first. */
import { assertEquals } from "@std/assert";
import { dirname, join, normalize } from "node:path";
import { anchorOf, type Page, renderPages } from "../../tools/site.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
/** Where the site would stand; nothing is written. */
const FOLDER = join(ROOT, ".out/site");

function linksOf(page: Page): string[] {
  return Array.from(page.html.matchAll(/(?:href|src)="([^"]+)"/g), ([, link]) => String(link))
    .filter((link) => !/^[a-z]+:/.test(link));
}

/** The file that a link means, and the heading. */
function aimOf(page: Page, link: string): { file: string; anchor: string | undefined } {
  const [path = "", anchor] = decodeURIComponent(link).split("#");
  const own = join(FOLDER, page.path);
  return { file: path === "" ? own : normalize(join(dirname(own), path)), anchor };
}

/** The headings of a file of the repository. */
async function headingsIn(file: string): Promise<string[]> {
  const text = await Deno.readTextFile(file);
  return Array.from(text.matchAll(/^#+ (.+)$/gm), ([, heading = ""]) => {
    return anchorOf(heading.replaceAll(/[`*]/g, ""));
  });
}

Deno.test("no link of the handbook is dead", async () => {
  const pages = await renderPages(FOLDER);
  const byFile = new Map(pages.map((page) => [join(FOLDER, page.path), page]));
  const dead: string[] = [];
  for (const page of pages) {
    for (const link of linksOf(page)) {
      const { file, anchor } = aimOf(page, link);
      const target = byFile.get(file);
      const isThere = target || await Deno.stat(file).then(() => true, () => false);
      const hasAnchor = anchor === undefined ||
        (target
          ? target.html.includes(`id="${anchor}"`)
          : (await headingsIn(file)).includes(anchor));
      if (!isThere || !hasAnchor) dead.push(`${page.source}: ${link}`);
    }
  }
  assertEquals(dead, []);
});

Deno.test("every page can be reached from the first", async () => {
  const pages = await renderPages(FOLDER);
  const byFile = new Map(pages.map((page) => [join(FOLDER, page.path), page]));
  const reached = new Set([join(FOLDER, "index.html")]);
  for (const file of reached) {
    const page = byFile.get(file);
    for (const link of page ? linksOf(page) : []) {
      if (page && byFile.has(aimOf(page, link).file)) reached.add(aimOf(page, link).file);
    }
  }
  assertEquals([...byFile.keys()].filter((file) => !reached.has(file)), []);
});
