/** Rows of CSV and XLSX files, by the names in their first row; bad ones with their place and reason. */
import { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import { parse } from "csv-parse";
import { readSheet } from "read-excel-file/node";

/** A row as the file has it, or why it cannot be read. */
export type SheetRow =
  | { readonly line: number; readonly cells: Readonly<Record<string, string>> }
  | { readonly line: number; readonly problem: string };

/** The file as a whole is of no use. */
export class SheetError extends Error {
  override readonly name = "SheetError";
  readonly retryable = false;
}

/** A row of a spreadsheet can be this long, characters; more is an open quotation mark. */
const RECORD_LENGTH_MAX = 100_000;

/**
 * Rows of a CSV file in UTF-8, one by one. Lines are counted from 1, the names' own included.
 *
 * @throws {SheetError} It is not UTF-8, or has no names.
 */
export async function* csvRows(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<SheetRow> {
  const bad: SheetRow[] = [];
  const parser = Readable.from(textOf(pieces)).compose(parse({
    bom: true,
    columns: (names: string[]) => namesOf(names),
    info: true,
    max_record_size: RECORD_LENGTH_MAX,
    relax_column_count_less: false,
    skip_empty_lines: true,
    skip_records_with_error: true,
    trim: true,
    on_skip: (error) => {
      if (error) bad.push({ line: Number(error.lines), problem: reasonOf(error.code) });
      return undefined;
    },
  }));
  for await (const { record, info } of parser) {
    yield* bad.splice(0);
    yield { line: info.lines, cells: record };
  }
  yield* bad;
}

/**
 * Rows of the first sheet of an XLSX file, which is read as a whole.
 *
 * @throws {SheetError} It is no such file, or has no names.
 */
export async function* xlsxRows(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<SheetRow> {
  const [first, ...rows] = await readSheet(Buffer.concat(await Array.fromAsync(pieces)))
    .catch((error) => {
      throw new SheetError(`This is not an XLSX file: ${error.message}`, { cause: error });
    });
  const names = namesOf((first ?? []).map(textOfCell));
  for (const [index, row] of rows.entries()) {
    if (row.every((cell) => cell === null)) continue;
    const cells = Object.fromEntries(names.map((name, n) => [name, textOfCell(row[n] ?? null)]));
    yield { line: index + 2, cells };
  }
}

async function* textOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  try {
    for await (const piece of pieces) yield utf8.decode(piece, { stream: true });
    yield utf8.decode();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new SheetError("The file is not UTF-8: save it as CSV UTF-8", { cause: error });
  }
}

function namesOf(names: readonly string[]): string[] {
  const clean = names.map((name) => name.trim().toLowerCase());
  const twice = clean.find((name, index) => name !== "" && clean.indexOf(name) !== index);
  if (twice !== undefined) throw new SheetError(`Two columns are named "${twice.slice(0, 64)}"`);
  return clean;
}

function textOfCell(cell: unknown): string {
  if (cell instanceof Date) return cell.toISOString().slice(0, 10);
  return cell === null || cell === undefined ? "" : String(cell).trim();
}

function reasonOf(code: string): string {
  if (code.includes("QUOTE")) return "A quotation mark is not closed, or stands inside a field";
  if (code.includes("COLUMN") || code.includes("RECORD_INCONSISTENT")) {
    return "It has more or fewer fields than the first row has names";
  }
  if (code.includes("MAX_RECORD_SIZE")) return "It is too long";
  return "It cannot be read";
}
