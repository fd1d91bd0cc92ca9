/** `employees.import`: good rows in, bad rows told, whatever the file is like. */
import { setImmediate } from "node:timers/promises";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { z } from "zod";
import { employeesImport } from "../../handlers/employees_import.ts";
import { defineHandler } from "../../src/runtime/handlers.ts";
import { Files } from "../../src/runtime/files.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";
import { bookOf, rowOf, xlsxOf } from "./xlsx.ts";

const encoder = new TextEncoder();

async function importing(db: TestDatabase, name: string, content: string | Uint8Array) {
  const bytes = typeof content === "string" ? encoder.encode(content) : content;
  const mediaType = "application/octet-stream";
  const { id } = await new Files(db.store.files).add({
    tenantId: "default",
    name,
    mediaType,
    bytes,
  });
  await using w = testWorker(db, [employeesImport()]);
  return await w.run("employees.import", { fileId: id });
}

async function employees(db: TestDatabase) {
  const rows = await db.sql`
    select tenant_id, email, name, department, start_date::text from employee order by email`;
  return rows.map((row) => Object.values(row).join("|"));
}

Deno.test("a CSV file: good rows are in the table, bad ones are told by their line", async () => {
  await using db = await testDatabase();
  const csv = [
    "\uFEFFEmail,Name,Department,Start_Date",
    "ada@example.com,Ada Lovelace,Engines,2026-01-31",
    "nobody,No Address,,",
    'GRACE@example.com,"Hopper, Grace",,',
    "alan@example.com,,,",
    "ada@example.com,Ada Again,,",
    "kurt@example.com,Kurt,Logic,31.1.2026",
    "too,few",
    "",
    "emmy@example.com,Emmy,Algebra,2026-02-01",
  ].join("\r\n");
  const job = await importing(db, "staff.csv", csv);
  assertEquals(job.lastError, null);
  assertEquals(job.output, {
    imported: 3,
    rejected: 5,
    errors: [
      { line: 3, message: "email: Is not an e-mail address" },
      { line: 5, message: "name: Is missing" },
      { line: 6, message: "email: Is in line 2 already" },
      { line: 7, message: "start_date: Must be like 2026-01-31" },
      { line: 8, message: "It has more or fewer fields than the first row has names" },
    ],
  });
  assertEquals(await employees(db), [
    "default|ada@example.com|Ada Lovelace|Engines|2026-01-31",
    "default|emmy@example.com|Emmy|Algebra|2026-02-01",
    "default|grace@example.com|Hopper, Grace||",
  ]);
});

Deno.test("a second import brings rows up to date", async () => {
  await using db = await testDatabase();
  await importing(db, "a.csv", "email,name\nada@example.com,Ada\n");
  await importing(db, "b.csv", "name,email,department\nAda L.,ada@example.com,Engines\n");
  assertEquals(await employees(db), ["default|ada@example.com|Ada L.|Engines|"]);
});

Deno.test("an XLSX file is read like a CSV file", async () => {
  await using db = await testDatabase();
  const file = xlsxOf([
    ["email", "name", "department"],
    ["ada@example.com", "Ada", "Engines"],
    ["", "Nobody", ""],
  ]);
  const job = await importing(db, "staff.xlsx", file);
  assertEquals(job.lastError, null);
  const { imported, errors } = Object(job.output);
  assertEquals([imported, errors.map(({ line }: { line: number }) => line)], [1, [3]]);
  assertEquals(await employees(db), ["default|ada@example.com|Ada|Engines|"]);
});

Deno.test("a file that is none is a dead letter with the reason, after one attempt", async () => {
  await using db = await testDatabase();
  const utf16 = (text: string) => new Uint8Array(Uint16Array.from(text, codeOf).buffer);
  const wide = `<c r="XFE2"><v>1</v></c>`;
  const files: [string, string | Uint8Array, string][] = [
    ["empty.csv", "", "The file is empty"],
    ["mark.csv", "\uFEFF", "The file is empty"],
    ["other.csv", "a,b\n", 'must name the columns "email" and "name"'],
    ["semicolons.csv", "email;name\n", 'must name the columns "email" and "name"'],
    ["twice.csv", "email,name,name\n1,2,3\n", 'Two columns are named "name"'],
    ["utf16.csv", utf16("\uFEFFemail,name\nada@example.com,Ada\n"), "not UTF-8"],
    ["bare16.csv", utf16("email,name\nada@example.com,Ada\n"), "not UTF-8"],
    ["not.xlsx", "email,name\n", "not an XLSX file"],
    ["empty.xlsx", bookOf(""), "The file is empty"],
    ["wide.xlsx", bookOf(rowOf(["email", "name"], 1) + rowOf([], 2, wide)), "too many columns"],
    ["bomb.xlsx", sayingSize(bookOf(""), 200 * 1024 * 1024), "too large"],
  ];
  for (const [name, content, words] of files) {
    const job = await importing(db, name, content);
    assertEquals([job.state, job.attempt], ["dead_letter", 1], name);
    assertStringIncludes(job.lastError?.message ?? "", words);
  }
});

/** The same archive, its first part said to be so long, unpacked. */
function sayingSize(zip: Uint8Array, size: number): Uint8Array {
  const at = zip.findIndex((_, n) => zip[n] === 0x50 && zip[n + 2] === 1 && zip[n + 3] === 2);
  const bytes = zip.slice();
  new DataView(bytes.buffer).setUint32(at + 24, size, true);
  return bytes;
}

function codeOf(sign: string): number {
  return sign.charCodeAt(0);
}

Deno.test("a cell in a far corner costs its own row, and no room", async () => {
  await using db = await testDatabase();
  const far = rowOf([], 1_048_576, `<c r="XFD1048576"><v>1</v></c>`);
  const rows = rowOf(["email", "name"], 1) + rowOf(["ada@example.com", "Ada"], 2) + far;
  const job = await importing(db, "far.xlsx", bookOf(rows));
  assertEquals(job.output, {
    imported: 1,
    rejected: 1,
    errors: [{ line: 1_048_576, message: "email: Is not an e-mail address" }],
  });
});

Deno.test("names and no rows: nothing to import, and no error", async () => {
  await using db = await testDatabase();
  for (const name of ["staff.csv", "staff.xlsx"]) {
    const isCsv = name.endsWith("csv");
    const job = await importing(db, name, isCsv ? "email,name" : xlsxOf([["email", "name"]]));
    assertEquals(job.output, { imported: 0, rejected: 0, errors: [] });
  }
});

Deno.test("a bad row costs itself alone, and is told by the line it begins in", async () => {
  await using db = await testDatabase();
  const lines: (string | Uint8Array)[] = [
    "email,name,start_date\r\n",
    'ada@example.com,"Ada\r\nLovelace",\r\n',
    'disk@example.com,5" disk,\r\n',
    "emmy@example.com,Emmy,2026-02-01\r\n",
    Uint8Array.of(...encoder.encode("jorg@example.com,J"), 0xf6, ...encoder.encode("rg,\r\n")),
    "zero@example.com,Ze\0ro,\r\n",
    "year@example.com,Year,0000-01-01\r\n",
    'kurt@example.com,"Kurt ""the"" one",\r\n',
    'open@example.com,"Open,\r\n',
    "alan@example.com,Alan,\r\n",
  ];
  const bytes = await new Blob(lines as BlobPart[]).bytes();
  const job = await importing(db, "bad.csv", bytes);
  assertEquals(job.lastError, null);
  const quote = "A quotation mark is not closed, or stands inside a field";
  assertEquals(job.output, {
    imported: 4,
    rejected: 5,
    errors: [
      { line: 4, message: quote },
      { line: 6, message: "It is not UTF-8: save it as CSV UTF-8" },
      { line: 7, message: "name: Is no text" },
      { line: 8, message: "start_date: Must be like 2026-01-31" },
      { line: 10, message: quote },
    ],
  });
  assertEquals((await employees(db)).map((row) => row.split("|")[2]), [
    "Ada\r\nLovelace",
    "Alan",
    "Emmy",
    'Kurt "the" one',
  ]);
});

Deno.test("an open quotation mark costs its row, however long the file goes on", async () => {
  await using db = await testDatabase();
  const rows = Array.from({ length: 3_000 }, (_, n) => `e${n}@example.com,E${n}`);
  const csv = ["email,name", 'ada@example.com,"Ada', ...rows].join("\n");
  const { output } = await importing(db, "open.csv", csv);
  const { imported, errors } = Object(output);
  assertEquals([imported, errors.map(({ line }: { line: number }) => line)], [3_000, [2]]);
});

Deno.test("an XLSX file: what formulas came to, days, the first sheet, and what is none of these", async () => {
  await using db = await testDatabase();
  const day = (n: number, value: number) => `<c r="C${n}" s="1"><v>${value}</v></c>`;
  const sheet = [
    rowOf(["email", "name", "start_date"], 1),
    rowOf(
      ["ada@example.com"],
      2,
      `<c r="B2" t="str"><f>UPPER("ada")</f><v>ADA</v></c>${day(2, 46053)}`,
    ),
    rowOf(["emmy@example.com", "Emmy"], 5, day(5, 99_999_999_999)),
    rowOf(["kurt@example.com"], 6, `<c r="B6" t="e"><f>1/0</f><v>#DIV/0!</v></c>`),
  ].join("");
  const other = rowOf(["email", "name"], 1) + rowOf(["other@example.com", "Other"], 2);
  const job = await importing(db, "staff.xlsx", bookOf(sheet, other));
  assertEquals(job.lastError, null);
  assertEquals(job.output, {
    imported: 1,
    rejected: 2,
    errors: [
      { line: 5, message: "start_date: Must be like 2026-01-31" },
      { line: 6, message: "name: Is missing" },
    ],
  });
  assertEquals(await employees(db), ["default|ada@example.com|ADA||2026-01-31"]);
});

Deno.test("an import that is cancelled ends at the next row, a bad one too", async () => {
  await using db = await testDatabase();
  const { id: fileId } = await new Files(db.store.files).add({
    tenantId: "default",
    name: "bad.csv",
    mediaType: "text/csv",
    bytes: encoder.encode("email,name\n"),
  });
  const [begun, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let after = 0;
  const importer = employeesImport();
  const handler = defineHandler({
    type: importer.type,
    input: z.object({ fileId: z.uuid() }),
    handle: async (input, context) => {
      const file = await context.file(input.fileId);
      async function* pieces() {
        yield* file.pieces();
        for (; after < 100; after += Number(context.signal.aborted)) {
          begun.resolve();
          await setImmediate();
          yield encoder.encode("nobody,No Address\n");
        }
      }
      const endless = { value: () => Promise.resolve({ ...file, pieces }) };
      const started = importer.run(input, Object.defineProperty(context, "file", endless));
      assert(started.ok);
      return await Promise.resolve(started.value).finally(over.resolve);
    },
  });
  await using w = testWorker(db, [handler]);
  const { id } = await w.jobs.enqueueUnchecked({ type: handler.type, payload: { fileId } });
  await begun.promise;
  await w.jobs.send(id, { type: "CANCEL" }, { tenantId: null, ifVersion: null, cause: "test" });
  await w.reach(id, "cancelled");
  await over.promise;
  assert(after <= 2, `${after} rows after the end`);
});
