/** The built pages: found where they were built last, or built now. */
import { getLogger } from "@logtape/logtape";
import { typeOf, type UiAssets, type UiFile } from "../ui/files.ts";

const log = getLogger(["perdura", "ui"]);

const ROOT = new URL("../../", import.meta.url);
const BUILT = new URL(".ui/", ROOT);
const SOURCES = [new URL("src/ui/app/", ROOT), new URL("src/ui/", ROOT)];

/** The pages of these very sources; null: they could not be built, and the log says why. */
export async function uiAssets(): Promise<UiAssets | null> {
  try {
    const hash = await hashOfSources();
    const dir = new URL(`${hash}/`, BUILT);
    const found = await readFiles(dir).catch(() => null);
    if (found) return { hash, files: found };
    const place = await buildInto(dir);
    return { hash, files: await readFiles(place) };
  } catch (error) {
    log.warn("The pages could not be built", { error });
    return null;
  }
}

/** Built aside and put in its place at once: two starts at a time do not meet half of it. */
async function buildInto(dir: URL): Promise<URL> {
  log.info("Building the pages");
  const aside = await makeDir();
  const script = new URL("ui_build.ts", import.meta.url);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--frozen", script.pathname, aside.pathname],
    cwd: ROOT,
    stdout: "null",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim().slice(0, 2_000));
  try {
    await Deno.rename(aside, dir);
    return dir;
  } catch {
    // Somebody else was faster, or this is no place to write to.
    return aside;
  }
}

async function makeDir(): Promise<URL> {
  try {
    await Deno.mkdir(BUILT, { recursive: true });
    return new URL(`file://${await Deno.makeTempDir({ dir: BUILT.pathname, prefix: "new-" })}/`);
  } catch {
    return new URL(`file://${await Deno.makeTempDir({ prefix: "perdura-ui-" })}/`);
  }
}

async function readFiles(dir: URL): Promise<ReadonlyMap<string, UiFile>> {
  const files = new Map<string, UiFile>();
  for await (const { name, isFile } of Deno.readDir(dir)) {
    if (isFile) {
      files.set(name, { type: typeOf(name), bytes: await Deno.readFile(new URL(name, dir)) });
    }
  }
  if (!files.has("main.js") || !files.has("app.css")) throw new Error("Half a build");
  return files;
}

/** Of what the pages are made from: other sources, other pages. */
async function hashOfSources(): Promise<string> {
  const texts: string[] = [];
  for (const dir of SOURCES) {
    for await (const { name } of Deno.readDir(dir)) {
      if (/\.(tsx?|css)$/.test(name) && (dir === SOURCES[0] || name.endsWith(".css"))) {
        texts.push(`${name}\n${await Deno.readTextFile(new URL(name, dir))}`);
      }
    }
  }
  texts.push(await Deno.readTextFile(new URL("ui_build.ts", import.meta.url)));
  const bytes = new TextEncoder().encode(texts.sort().join("\n"));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return digest.subarray(0, 8).toHex();
}

if (import.meta.main) {
  const assets = await uiAssets();
  if (!assets) Deno.exit(1);
}
