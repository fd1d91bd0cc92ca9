/** `employees.import`: good rows in, bad rows told, whatever the file is like. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { employeesImport } from "../../handlers/employees_import.ts";
import { Files } from "../../src/runtime/files.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";
import { xlsxOf } from "./xlsx.ts";

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
  const latin1 = Uint8Array.of(...encoder.encode("email,name\n"), 0xe4, 0x0a);
  const files: [string, string | Uint8Array, string][] = [
    ["latin1.csv", latin1, "not UTF-8"],
    ["other.csv", "a,b\n1,2\n", 'must name the columns "email" and "name"'],
    ["twice.csv", "email,name,name\n1,2,3\n", 'Two columns are named "name"'],
    ["not.xlsx", "email,name\n", "not an XLSX file"],
  ];
  for (const [name, content, words] of files) {
    const job = await importing(db, name, content);
    assertEquals([job.state, job.attempt], ["dead_letter", 1], name);
    assertStringIncludes(job.lastError?.message ?? "", words);
  }
});

Deno.test("an open quotation mark costs its rows, not the worker", async () => {
  await using db = await testDatabase();
  const job = await importing(
    db,
    "open.csv",
    'email,name\nada@example.com,"Ada\nemmy@example.com,E\n',
  );
  const { imported, rejected } = Object(job.output);
  assertEquals(job.state, "succeeded");
  assert(imported + rejected > 0);
});
