/**
 * House rule: nothing of the machine a file was made on stays in it.
 *
 * A registry address in deno.lock binds everyone to that registry; it gets there when the lock is made
 * with a mirror set. A folder of a build machine is wrong on every other.
 */
import { type SourceFile, type Violation, violationsOf } from "./tree.ts";

const ADDRESS = /https?:\/\/[^"\s]*|"tarball"/g;
const MACHINE_PATH = /(?<![\w./-])\/(?:work|farm)\/[\w./-]*/g;

/** Rule `leak`. */
export function checkLeaks(files: readonly SourceFile[]): Violation[] {
  return files.flatMap((file) => {
    const isLock = file.path.endsWith(".lock");
    const pattern = isLock ? ADDRESS : MACHINE_PATH;
    const what = isLock ? "a registry address" : "a path of the build machine";
    return violationsOf(file, file.text, pattern, "leak", ([text]) => `${what}: ${text}`);
  });
}
