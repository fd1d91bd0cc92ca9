/** Files that handlers leave: whole, or not there. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** Under another name first: a reader never meets half a file, and a second run replaces the first. */
export async function writeWhole(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.part`, text);
  await rename(`${file}.part`, file);
}
