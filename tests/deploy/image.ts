/** The image, built by hand: its files alone in a folder, its build commands run there. */
import { assert } from "@std/assert";
import { dirname, join } from "node:path";
import { type Instruction, readDockerfile } from "./files.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** A folder that holds what `/app` of the image does. `await using` removes it. */
export interface Image extends AsyncDisposable {
  readonly folder: string;
  /** The arguments of its entry point for `deno`, with the paths of the image as they are here. */
  entry(stateDir: string): string[];
}

/** Copies what the first stage copies, and runs what it runs. */
export async function buildImage(): Promise<Image> {
  const instructions = await readDockerfile();
  const second = instructions.findLastIndex(({ name }) => name === "FROM");
  const folder = await Deno.makeTempDir({ prefix: "perdura-image-" });
  for (const { name, text } of instructions.slice(0, second)) {
    if (name === "COPY") await copyAll(text, folder);
    if (name === "RUN") await run(text, folder);
  }
  return {
    folder,
    entry: (stateDir) => entryOf(instructions, folder, stateDir),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

function entryOf(instructions: readonly Instruction[], folder: string, stateDir: string): string[] {
  const entry = instructions.find(({ name }) => name === "ENTRYPOINT");
  const [, ...args] = JSON.parse(entry?.text ?? "[]");
  return args.map((arg: string) =>
    arg.replace("/var/lib/perdura", stateDir).replace("/app", folder)
  );
}

/** `a b ./`: into a folder; `a b`: under another name. */
async function copyAll(text: string, folder: string): Promise<void> {
  const parts = text.split(/\s+/);
  const to = parts.at(-1) ?? "";
  for (const from of parts.slice(0, -1)) {
    await copy(join(ROOT, from), join(folder, to === "./" ? from : to));
  }
}

async function copy(from: string, to: string): Promise<void> {
  const { isDirectory } = await Deno.stat(from);
  if (!isDirectory) {
    await Deno.mkdir(dirname(to), { recursive: true });
    return await Deno.copyFile(from, to);
  }
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) await copy(join(from, name), join(to, name));
}

async function run(text: string, folder: string): Promise<void> {
  const [program, ...args] = text.split(/\s+/);
  assert(program === "deno", `The image builds with deno alone: ${text}`);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdout: "null",
    stderr: "piped",
  }).output();
  assert(success, new TextDecoder().decode(stderr));
}
