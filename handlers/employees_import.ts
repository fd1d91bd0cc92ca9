/**
 * `employees.import`: a CSV or XLSX file into the table `employee`, good rows in, bad rows told.
 *
 * Rows are written in transactions of some hundred, each a step of the job: after a crash the import
 * goes on where it was. A row that is there already is brought up to date.
 */
import { z } from "zod";
import { defineHandler, type Handler, type HandlerContext } from "perdura/handler";
import type { SheetRow } from "./sheets.ts";

const input = z.strictObject({
  /** As `POST /files` gave it. */
  fileId: z.uuid(),
});

const CHUNK_ROWS = 500;
/** Bad rows that the output lists; all are counted. */
const LISTED_MAX = 1_000;

/** PostgreSQL has no text with a zero in it. */
const storable = z.string("Is missing").refine((text) => !text.includes("\0"), "Is no text");

const optional = (schema: z.ZodType<string>) =>
  z.union([z.literal("").transform(() => null), schema]).optional().transform((text) =>
    text ?? null
  );

const employee = z.object({
  email: z.email("Is not an e-mail address").max(254).transform((text) => text.toLowerCase()),
  name: storable.min(1, "Is missing").max(200),
  department: optional(storable.max(100)),
  // There is no year 0.
  start_date: optional(
    z.iso.date("Must be like 2026-01-31").refine((day) => day >= "0001", "Must be like 2026-01-31"),
  ),
});

type Employee = z.output<typeof employee>;

const REQUIRED = ["email", "name"];

interface BadRow {
  readonly line: number;
  readonly message: string;
}

/** The handler. */
export function employeesImport(): Handler {
  return defineHandler({
    type: "employees.import",
    input,
    timeoutMs: 60 * 60_000,
    handle: async ({ fileId }, context) => {
      const file = await context.file(fileId);
      const isXlsx = /\.xlsx$/i.test(file.name) || file.mediaType.endsWith("spreadsheetml.sheet");
      const rowsOf = await (isXlsx ? xlsxReader() : csvReader());
      const rows = rowsOf(file.pieces(), REQUIRED);
      await context.stepTransaction("table", async (sql) => {
        await sql`
          create table if not exists employee (
            tenant_id text not null, email text not null, name text not null, department text,
            start_date date, imported_at timestamptz not null default now(),
            primary key (tenant_id, email))`;
        return null;
      });
      return await importRows(rows, context);
    },
  });
}

/** The readers are loaded by the first file of their kind: most programs that know this type read none. */
const xlsxReader = async () => (await import("./xlsx.ts")).xlsxRows;
const csvReader = async () => (await import("./csv.ts")).csvRows;

async function importRows(rows: AsyncIterable<SheetRow>, context: HandlerContext) {
  const sorter = new Sorter();
  let imported = 0;
  let chunk: Employee[] = [];
  const write = async () => {
    context.signal.throwIfAborted();
    if (chunk.length > 0) await upsert(chunk, imported, context);
    imported += chunk.length;
    chunk = [];
    context.progress({ imported, rejected: sorter.rejected });
  };
  for await (const row of rows) {
    context.signal.throwIfAborted();
    const good = sorter.sort(row);
    if (good) chunk.push(good);
    if (chunk.length === CHUNK_ROWS) await write();
  }
  await write();
  return { imported, rejected: sorter.rejected, errors: sorter.errors };
}

function upsert(chunk: readonly Employee[], from: number, context: HandlerContext) {
  const { job, stepTransaction } = context;
  return stepTransaction(`rows ${from}`, async (sql) => {
    await sql`
      insert into employee (tenant_id, email, name, department, start_date)
      select ${job.tenantId}, r.email, r.name, r.department, r.start_date
        from jsonb_to_recordset(${JSON.stringify(chunk)}::text::jsonb)
          as r(email text, name text, department text, start_date date)
       order by r.email -- two imports at once wait for each other, and not in a circle
      on conflict (tenant_id, email) do update
        set name = excluded.name, department = excluded.department,
            start_date = excluded.start_date, imported_at = now()`;
    return chunk.length;
  });
}

/** Tells good rows from bad ones. */
class Sorter {
  readonly errors: BadRow[] = [];
  rejected = 0;
  readonly #lines = new Map<string, number>();

  sort(row: SheetRow): Employee | null {
    if ("problem" in row) return this.#reject(row.line, row.problem);
    const parsed = employee.safeParse(row.cells);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return this.#reject(row.line, `${issue?.path.join(".")}: ${issue?.message}`);
    }
    const { email } = parsed.data;
    const earlier = this.#lines.get(email);
    if (earlier !== undefined) {
      return this.#reject(row.line, `email: Is in line ${earlier} already`);
    }
    this.#lines.set(email, row.line);
    return parsed.data;
  }

  #reject(line: number, message: string): null {
    this.rejected++;
    if (this.errors.length < LISTED_MAX) this.errors.push({ line, message });
    return null;
  }
}
