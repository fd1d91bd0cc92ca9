/** The one document of the pages. */
import { importsOf, type UiAssets } from "./files.ts";

const ICON = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 20 20'%3E" +
  "%3Crect x='2' y='2' width='16' height='16' rx='5' fill='none' stroke='%238a95a3' stroke-width='2'/%3E" +
  "%3Ccircle cx='10' cy='10' r='4' fill='%230067b8'/%3E%3C/svg%3E";

/** The frame as far as it is the same everywhere: shown before any script is there, which goes on from it. */
const FRAME = '<header class="bar"><a class="brand" href="/ui/"><svg class="mark" ' +
  'viewBox="0 0 20 20" aria-hidden="true"><rect x="1.5" y="1.5" width="17" height="17" rx="5"/>' +
  '<circle cx="10" cy="10" r="3.6"/></svg>Perdura</a></header><main id="main"><noscript><p class="empty">' +
  "These pages need JavaScript; the API does not: see /docs.</p></noscript></main>";

/**
 * What it shows is a matter of its address. It names all modules that this address needs: else each
 * would be asked for by the one before, three ways to the server one after the other.
 */
export class Shell {
  readonly #assets: UiAssets;
  /** By the module that an address needs. */
  readonly #documents = new Map<string, string>();

  constructor(assets: UiAssets) {
    this.#assets = assets;
  }

  /** @param path Where the page is: `/ui/…`. */
  of(path: string): string {
    const [, , page = "", id = ""] = path.split("/");
    const name = moduleOf(page, id !== "");
    const known = this.#documents.get(name) ?? this.#written(name);
    this.#documents.set(name, known);
    return known;
  }

  #written(name: string): string {
    const at = `/ui/assets/${this.#assets.hash}`;
    const own = new RegExp(`import\\("\\./(${name}-\\w+\\.js)"\\)`).exec(this.#text("main.js"))
      ?.[1];
    const first = this.#closure("main.js");
    const then = own ? this.#closure(own).difference(first) : new Set<string>();
    first.delete("main.js");
    const preload = (file: string, more = "") =>
      `<link rel="modulepreload" href="${at}/${file}"${more}>\n`;
    // What shows the frame comes first, then what shows the page in it.
    return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Perdura</title>
<link rel="icon" href="${ICON}">
<link rel="preload" href="${at}/inter.woff2" as="font" type="font/woff2" crossorigin>
<link rel="stylesheet" href="${at}/app.css">
${[...first].map((file) => preload(file)).join("")}\
<script type="module" src="${at}/main.js"></script>
${[...then].map((file) => preload(file, ' fetchpriority="low"')).join("")}\
</head>
<body>
<div id="app">${FRAME}</div>
</body>
</html>
`;
  }

  /** A file and all that it imports, and those import, before it runs. */
  #closure(file: string): Set<string> {
    const needed = new Set([file]);
    for (const each of needed) {
      for (const other of importsOf(this.#text(each))) needed.add(other);
    }
    return needed;
  }

  #text(name: string): string {
    return new TextDecoder().decode(this.#assets.files.get(name)?.bytes);
  }
}

/** What `app/main.tsx` imports for an address; a wrong one costs time, and nothing else. */
function moduleOf(page: string, isOne: boolean): string {
  if (page === "") return "overview";
  if (page === "machines") return isOne ? "machine" : "machines";
  if (page === "jobs" || page === "actors") return isOne ? page.slice(0, -1) : "instances_page";
  return page === "compare" ? "compare" : "pages_upkeep";
}

/** The page where the pages could not be built. */
export const unbuiltPage = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Perdura</title></head>
<body>
<main>
<h1>The pages are not built</h1>
<p>The API works: <a href="/docs">its documentation</a>. The log of this server says what kept it from
building the pages; <code>deno task ui</code> builds them.</p>
</main>
</body>
</html>
`;
