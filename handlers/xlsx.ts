/** Rows of XLSX files, which are read as a whole: nothing in them may be larger than it looks. */
import { Buffer } from "node:buffer";
import { type Unzipped, unzipSync, zipSync } from "fflate";
import { readSheet } from "read-excel-file/node";
import { namesOf, SheetError, type SheetRow } from "./sheets.ts";

/** A small file can unpack to any size. */
const UNPACKED_BYTES_MAX = 128 * 1024 * 1024;
/** The reader makes a table that goes as far as the last row and the last column. */
const CELLS_MAX = 5_000_000;

/**
 * Rows of the first sheet; of a formula what it came to when the file was saved.
 *
 * @param wanted Columns that must be there.
 * @throws {SheetError} It is no such file, is too large, or has no names.
 */
export async function* xlsxRows(
  pieces: AsyncIterable<Uint8Array>,
  wanted: readonly string[] = [],
): AsyncGenerator<SheetRow> {
  const [first, ...rows] = await tableOf(Buffer.concat(await Array.fromAsync(pieces)));
  if (!first) throw new SheetError("The file is empty");
  const names = namesOf(first.map(textOfCell), wanted);
  for (const [index, row] of rows.entries()) {
    if (row.every((cell) => cell === null)) continue;
    const cells = Object.fromEntries(names.map((name, n) => [name, textOfCell(row[n] ?? null)]));
    yield { line: index + 2, cells };
  }
}

async function tableOf(bytes: Uint8Array) {
  try {
    const parts = unpacked(bytes);
    for (const [name, part] of Object.entries(parts)) {
      if (/^xl\/worksheets\/[^/]*$/.test(name)) checkExtent(new TextDecoder().decode(part));
    }
    return await readSheet(Buffer.from(zipSync(parts, { level: 0 })));
  } catch (error) {
    if (error instanceof SheetError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new SheetError(`This is not an XLSX file: ${message}`, { cause: error });
  }
}

/** What a reader needs; no part gets longer than the file says, and what that says is counted. */
function unpacked(bytes: Uint8Array): Unzipped {
  let total = 0;
  return unzipSync(bytes, {
    filter: ({ name, originalSize }) => {
      if (!/\.(xml|rels)$/.test(name)) return false;
      total += originalSize;
      if (total > UNPACKED_BYTES_MAX) throw new SheetError("The file is too large, unpacked");
      return true;
    },
  });
}

/** @throws {SheetError} A table as far as its last cell would be too large. */
function checkExtent(sheet: string): void {
  let [rows, columns] = [0, 0];
  for (const [, letters = "", number] of sheet.matchAll(/\sr\s*=\s*["']\s*([A-Za-z]*)(\d*)/g)) {
    rows = Math.max(rows, Number(number));
    columns = Math.max(columns, columnOf(letters));
  }
  if (rows * Math.max(columns, 1) > CELLS_MAX) {
    throw new SheetError(`The sheet is too large: ${rows} rows of ${columns} columns`);
  }
}

function columnOf(letters: string): number {
  return [...letters.toUpperCase()].reduce((sum, sign) => sum * 26 + sign.charCodeAt(0) - 64, 0);
}

function textOfCell(cell: unknown): string {
  // A number that is no day anybody knows stays what it is: the column's own check tells it.
  if (cell instanceof Date) {
    return Number.isNaN(cell.getTime()) ? String(cell) : cell.toISOString().split("T")[0] ?? "";
  }
  return cell === null || cell === undefined ? "" : String(cell).trim();
}
