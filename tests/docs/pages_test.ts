/** The pages on failures and tables say what is there. */
import { assert, assertEquals } from "@std/assert";
import { testDatabase } from "../support/database.ts";

const ROOT = new URL("../../", import.meta.url);

function read(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}

/** The rows of the first table of a page, as cells. */
function rowsOf(page: string): string[][] {
  const lines = page.split("\n").filter((line) => line.startsWith("|")).slice(2);
  return lines.map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}

Deno.test("every failure that docs/failure-semantics.md names has the test it says", async () => {
  const rows = rowsOf(await read("docs/failure-semantics.md"));
  assert(rows.length >= 20);
  for (const [what, , shown = ""] of rows) {
    const [, file = "", name = ""] = /^`([^`]+)`: (.+)$/.exec(shown) ?? [];
    const text = await read(file);
    assert(text.includes(`Deno.test("${name}"`), `${what}: ${file} has no test "${name}"`);
  }
});

Deno.test("docs/data-model.md describes every table, and no other", async () => {
  await using db = await testDatabase();
  const tables = await db.sql<{ name: string }[]>`
    select relname as name from pg_class
     where relnamespace = 'perdura'::regnamespace and relkind in ('r', 'p') and not relispartition`;
  const page = await read("docs/data-model.md");
  const described = rowsOf(page).map(([name = ""]) => name.replaceAll("`", ""));
  assertEquals(described.toSorted(), tables.map(({ name }) => name).toSorted());
  const queries = Array.from(page.matchAll(/^select [^]*?;$/gm), ([text]) => text);
  assertEquals(queries.length, 2);
  for (const query of queries) await db.sql.unsafe(query);
});

Deno.test("docs/decisions/README.md lists every decision once, in order", async () => {
  const listed = rowsOf(await read("docs/decisions/README.md"))
    .map(([link = ""]) => /\(([^)]+)\)/.exec(link)?.[1]);
  const files = Array.from(Deno.readDirSync(new URL("docs/decisions", ROOT)), ({ name }) => name);
  assertEquals(listed, files.filter((name) => name !== "README.md").toSorted());
});
