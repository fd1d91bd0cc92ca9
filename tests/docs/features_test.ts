/** docs/features.md: what it names is there, and what it lacks it says. */
import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);
const page = await Deno.readTextFile(new URL("docs/features.md", ROOT));

/** Rows of all tables, without their heads. */
function rows(): string[][] {
  return page.split("\n").filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()))
    .filter(([first = ""], at, all) => !/^-+$/.test(first) && !/^-+$/.test(all[at + 1]?.[0] ?? ""));
}

Deno.test("every row names tests that are there, or says that it is not", async () => {
  const all = rows();
  assert(all.length > 120, `${all.length} rows`);
  for (const [name, here, shown = ""] of all) {
    assert(name !== "" && here !== "", shown);
    const files = Array.from(shown.matchAll(/`([^`]+)`/g), ([, file = ""]) => file);
    assert(files.length > 0 || shown === "nothing: it is not here", `${name}: ${shown}`);
    for (const file of files) {
      const text = await Deno.readTextFile(new URL(file, ROOT)).catch(() => "");
      assert(text.includes("Deno.test"), `${name} is shown by ${file}, which has no tests`);
    }
  }
});

Deno.test("its rows are those of the ancestors and of the peers", () => {
  const titles = Array.from(page.matchAll(/^### (.*)$/gm), ([, title = ""]) => title);
  assertEquals(titles.map((title) => title.slice(0, 3)), [
    ...["(a)", "(b)", "(c)", "(d)", "(e)"],
    ...["Enq", "Sch", "Flo", "Run", "Com", "See", "Dat"],
  ]);
});
