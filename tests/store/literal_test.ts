/** Columns of a batch as texts, and what PostgreSQL makes of them. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { jsonLines } from "../../src/store/literal.ts";
import { testDatabase } from "../support/database.ts";

Deno.test("a column of JSON comes out as it went in, whatever is in it", async () => {
  await using db = await testDatabase();
  const text = fc.oneof(
    fc.json(),
    // As somebody else may have written it.
    fc.json().map((json) => JSON.stringify(JSON.parse(json), null, 2)),
    fc.constantFrom('"\\n\\t\\u0001"', '"{,}\\\\ \\" NULL"', '""', "null"),
  ).filter((json) => !/\\u0000|\\ud[89a-f]/i.test(json));
  const columns = fc.array(fc.option(text), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(columns, async (column) => {
      const rows = await db.sql.unsafe(
        `select v::text as v from unnest(
           $1::integer[], string_to_array($2::text, e'\\n', '')::json[]) as r(n, v) order by n`,
        [`{${column.map((_, n) => n).join(",")}}`, jsonLines(column, (each) => each)] as never,
      );
      const expected = column.map((each) => each === null ? null : JSON.parse(each));
      const given = rows.map(({ v }) => v === null ? null : JSON.parse(v));
      assertEquals(given, expected);
      // No value is not JSON's null.
      assertEquals(rows.map(({ v }) => v === null), column.map((each) => each === null));
    }),
    { numRuns: 200 },
  );
});
