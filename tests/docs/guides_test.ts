/** Every program of the handbook type-checks, runs, and prints what stands below it; the README's type-checks too. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { join } from "node:path";
import { emptyDatabase, testDatabase } from "../support/database.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** A program, and what it is to print. */
interface Program {
  readonly name: string;
  readonly text: string;
  readonly prints: string | null;
}

/** The programs of a page: blocks that import something, each followed by its output. */
async function programsOf(page: string): Promise<Program[]> {
  const text = await Deno.readTextFile(join(ROOT, "docs", page));
  const found = text.matchAll(/^```ts\n([^]*?)^```$(?:\n\n```text\n([^]*?)^```$)?/gm);
  const programs = Array.from(found).filter(([, code = ""]) => code.includes("import "));
  const stem = page.replaceAll(/\W/g, "_");
  return programs.map(([, code = "", prints = null], index) => {
    return { name: `${stem}_${index}.ts`, text: code, prints };
  });
}

async function deno(args: readonly string[], env: Record<string, string> = {}) {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    env: { NO_COLOR: "1", ...env },
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(300_000),
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test("the programs of the handbook do what stands below them", async (t) => {
  const guides = Array.from(Deno.readDirSync(join(ROOT, "docs/guides")), ({ name }) => name);
  const pages = ["start.md", ...guides.map((name) => `guides/${name}`)];
  const programs = (await Promise.all(pages.map(programsOf))).flat();
  assertGreater(programs.length, 6);
  const folder = await Deno.makeTempDir({ prefix: "perdura-handbook-" });
  const config = `--config=${join(ROOT, "deno.json")}`;
  const file = ({ name }: Program) => join(folder, name);
  try {
    for (const each of programs) await Deno.writeTextFile(file(each), each.text);
    await t.step("their types are right", async () => {
      const readme = await programsOf("../README.md");
      assertGreater(readme.length, 0);
      for (const each of readme) await Deno.writeTextFile(file(each), each.text);
      await deno(["check", config, ...[...programs, ...readme].map(file)]);
    });
    for (const each of programs) {
      await t.step(each.name, async () => {
        // The first steps begin with nothing; the others need not migrate again.
        const isFirst = each.name.startsWith("start_");
        await using database = await (isFirst ? emptyDatabase() : testDatabase());
        const env = { DATABASE_URL: database.url };
        const printed = await deno(["run", "-A", "--no-check", config, file(each)], env);
        assertEquals(printed, each.prints);
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
