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

/** The files that a built script imports before it runs. */
export function importsOf(script: string): string[] {
  const found = script.matchAll(/(?:from|import)"\.\/([\w-]+\.js)"/g);
  return Array.from(found, ([, file = ""]) => file);
}
