/** Small file helpers: nothing here knows about PostgreSQL. */

import { dirname } from "node:path";

/** True if something stands at `path`, even a dangling link. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

/** The text of a file, or undefined when it cannot be read (absent, gone meanwhile, not ours). */
export async function readText(path: string): Promise<string | undefined> {
  return await Deno.readTextFile(path).catch(() => undefined);
}

/** Makes a rename in `folder` last over a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  using handle = await Deno.open(folder, { read: true });
  await handle.sync();
}

export interface WriteOptions {
  /** Permission bits, independent of the umask. */
  readonly mode: number;
  /** Owner of the new file, when another than ours. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** Where the unfinished file lives; by default beside `path`. Must be the same file system. */
  readonly temporary?: string;
}

/**
 * Replaces a file in one step: readers and a kill -9 see the old text or the new, never a part.
 *
 * The unfinished file is created exclusively, so a link planted under its name is not followed;
 * callers hold the start lock, so no second writer uses the same name.
 */
export async function writeFileAtomic(
  path: string,
  text: string,
  options: WriteOptions,
): Promise<void> {
  const temporary = options.temporary ?? `${path}.tmp`;
  await Deno.remove(temporary).catch(() => {});
  {
    using file = await Deno.open(temporary, { write: true, createNew: true, mode: options.mode });
    await file.write(new TextEncoder().encode(text));
    await file.sync();
  }
  await Deno.chmod(temporary, options.mode);
  if (options.owner) await Deno.chown(temporary, options.owner.uid, options.owner.gid);
  await Deno.rename(temporary, path);
  await syncFolder(dirname(path));
}

/**
 * Removes what a killed process left half done. Best effort: an orphaned initdb may still be
 * writing, and every leftover has a name of its own, so one that stays is only waste for a while.
 */
export async function removeLeftovers(
  folder: string,
  isLeftover: (name: string) => boolean,
): Promise<void> {
  for await (const entry of Deno.readDir(folder)) {
    if (!isLeftover(entry.name)) continue;
    await Deno.remove(`${folder}/${entry.name}`, { recursive: true }).catch(() => {});
  }
}
