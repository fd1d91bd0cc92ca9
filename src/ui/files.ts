/** The files of the pages, as they are served. */

/** One file. */
export interface UiFile {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The built pages: files by name, and a word for this very build. */
export interface UiAssets {
  readonly hash: string;
  readonly files: ReadonlyMap<string, UiFile>;
}

const TYPES: Readonly<Record<string, string>> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  woff2: "font/woff2",
  txt: "text/plain; charset=utf-8",
};

/** The media type of a file of ours. */
export function typeOf(name: string): string {
  return TYPES[name.split(".").at(-1) ?? ""] ?? "application/octet-stream";
}

const ICON = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 20 20'%3E" +
  "%3Crect x='2' y='2' width='16' height='16' rx='5' fill='none' stroke='%238a95a3' stroke-width='2'/%3E" +
  "%3Ccircle cx='10' cy='10' r='4' fill='%230067b8'/%3E%3C/svg%3E";

/** The one page; what it shows is a matter of its address. */
export function shellOf({ hash, files }: UiAssets): string {
  const at = `/ui/assets/${hash}`;
  const main = new TextDecoder().decode(files.get("main.js")?.bytes);
  const shared = [...main.matchAll(/from"\.\/([\w-]+\.js)"/g)].map(([, name]) =>
    `<link rel="modulepreload" href="${at}/${name}">`
  );
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
${shared.join("\n")}
<script type="module" src="${at}/main.js"></script>
</head>
<body>
<div id="app"><noscript>These pages need JavaScript; the API does not: see /docs.</noscript></div>
</body>
</html>
`;
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
