// deno-lint-ignore-file no-console -- what a tool has to say, it prints
/**
 * `deno task docs [FOLDER]`: the handbook as a small site. The pages of `docs/` by marked, the reference
 * from the docstrings by `deno doc`.
 */
import { dirname, join, normalize, relative } from "node:path";
import { Marked } from "marked";

const ROOT = new URL("../", import.meta.url).pathname;
const INDEX = "docs/README.md";
/** What programs import; each is a part of the reference. */
const MODULES = [
  "mod.ts",
  "src/testing/mod.ts",
  "src/core/actor/mod.ts",
  "src/client/client.ts",
  "src/telemetry/mod.ts",
];

/** One page of the site. */
export interface Page {
  /** In the repository: `docs/guides/testing.md`. */
  readonly source: string;
  /** In the site: `guides/testing.html`. */
  readonly path: string;
  readonly title: string;
  readonly html: string;
}

if (import.meta.main) {
  const [folder = join(ROOT, ".out/site"), ...rest] = Deno.args;
  if (rest.length > 0 || folder.startsWith("-")) {
    console.error("usage: deno task docs [FOLDER]");
    Deno.exit(2);
  }
  const pages = await renderPages(folder);
  await writePages(folder, pages);
  await writeReference(join(folder, "reference"));
  console.log(`${pages.length} pages and the reference: ${join(folder, "index.html")}`);
}

/** Every page of `docs/`, rendered for a site in `folder`. */
export async function renderPages(folder: string): Promise<Page[]> {
  const sources = [...await markdownIn("docs")].sort();
  const texts = await Promise.all(sources.map((source) => Deno.readTextFile(join(ROOT, source))));
  return sources.map((source, index) => {
    const text = texts[index] ?? "";
    const path = pathOf(source);
    const [, title = source] = /^# (.+)$/m.exec(text) ?? [];
    return { source, path, title, html: render(text, source, join(folder, path)) };
  });
}

/** Where a page of the repository stands in the site; the index is the handbook's. */
export function pathOf(source: string): string {
  if (source === INDEX) return "index.html";
  return relative("docs", source).replace(/README\.md$/, "index.html").replace(/\.md$/, ".html");
}

/** The name by which a heading is linked to, as GitHub makes it. */
export function anchorOf(heading: string): string {
  return heading.trim().toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(/\s/g, "-");
}

async function markdownIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(ROOT, folder))) {
    const path = `${folder}/${name}`;
    if (isDirectory) found.push(...await markdownIn(path));
    else if (name.endsWith(".md")) found.push(path);
  }
  return found;
}

function render(text: string, source: string, target: string): string {
  const marked = new Marked({
    gfm: true,
    walkTokens: (token) => {
      if (token.type === "link" || token.type === "image") {
        token.href = hrefOf(token.href, source, target);
      }
    },
    renderer: {
      heading({ tokens, depth, text }) {
        const inner = this.parser.parseInline(tokens);
        return `<h${depth} id="${anchorOf(text.replaceAll(/[`*]/g, ""))}">${inner}</h${depth}>\n`;
      },
    },
  });
  return String(marked.parse(text, { async: false }));
}

/** A link to another page goes there; one to a file of the repository goes to that file. */
function hrefOf(href: string, source: string, target: string): string {
  if (/^(?:[a-z]+:|#)/.test(href)) return href;
  const [path = "", anchor] = href.split("#");
  const meant = normalize(join(dirname(source), path));
  const isPage = meant.startsWith("docs/") && meant.endsWith(".md");
  const to = isPage ? relative(dirname(pathOf(source)), pathOf(meant)) : fileFrom(target, meant);
  return anchor === undefined ? to : `${to}#${anchor}`;
}

function fileFrom(target: string, meant: string): string {
  return relative(dirname(target), join(ROOT, meant));
}

async function writePages(folder: string, pages: readonly Page[]): Promise<void> {
  const style = await Deno.readTextFile(new URL("site.css", import.meta.url));
  for (const page of pages) {
    const to = join(folder, page.path);
    await Deno.mkdir(dirname(to), { recursive: true });
    await Deno.writeTextFile(to, documentOf(page, style));
  }
}

function documentOf({ path, title, html }: Page, style: string): string {
  const home = relative(dirname(path), ".") || ".";
  const nav = [
    ["index.html", "Handbook"],
    ["start.html", "Start"],
    ["concepts.html", "Concepts"],
    ["guarantees.html", "Guarantees"],
    ["comparison.html", "Comparison"],
    ["faq.html", "Questions"],
    ["reference/index.html", "Reference"],
  ].map(([to, name]) => `<a href="${home}/${to}">${name}</a>`).join("\n");
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title.replaceAll("<", "&lt;")} · Perdura</title>
<style>${style}</style>
<header><nav>${nav}</nav></header>
<main>${html}</main>
</html>
`;
}

async function writeReference(folder: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--html", "--name=Perdura", `--output=${folder}`, ...MODULES],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
