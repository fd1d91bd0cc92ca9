/**
 * Rows of XLSX files. The file is unpacked as a whole, and its rows are read one by one: neither their number
 * nor a cell in a far corner makes anything larger, and a long sheet keeps nobody else waiting.
 */
import { Buffer } from "node:buffer";
import { namesOf, SheetError, type SheetRow } from "./sheets.ts";
import { attributesOf, type Tag, textOf } from "./xml.ts";
import { type Book, openBook, plain, tagsInTurns, TextReader } from "./xlsx_book.ts";

/** As a sheet may have them at most; many cells can share one long text. */
const COLUMNS_MAX = 16_384;
const TEXT_LENGTH_MAX = 32_767;
const DAY_MS = 86_400_000;
/** Of the first of January 1970, counted from the end of 1899, and from 1904. */
const EPOCH = { since1900: 25_569, since1904: 24_107 };

/** The cells of a row that have something in them, by column from 1. */
interface Row {
  readonly line: number;
  readonly cells: ReadonlyMap<number, string>;
  /** Why it cannot be read. */
  readonly problem: string | null;
}

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
  const book = await openBook(Buffer.concat(await Array.fromAsync(pieces)));
  let names: string[] | null = null;
  for await (const { line, cells, problem } of rowsOf(book)) {
    if (names === null) {
      if (problem !== null) throw new SheetError(`The first row: ${problem}`);
      const last = Math.max(...cells.keys());
      const all = Array.from({ length: last }, (_, n) => cells.get(n + 1) ?? "");
      names = namesOf(all, wanted);
    } else if (problem !== null) yield { line, problem };
    else {
      yield { line, cells: named(cells, names) };
    }
  }
  if (names === null) throw new SheetError("The file is empty");
}

/** Cells by names. Made of what is there, not of all names: a row costs no more than it holds. */
function named(cells: Row["cells"], names: readonly string[]): Record<string, string> {
  const all = Array.from(cells, ([column, text]) => [names[column - 1], text]);
  return Object.fromEntries(all.filter(([name]) => name));
}

/** Rows with something in them. */
async function* rowsOf(book: Book): AsyncGenerator<Row> {
  const reader = new RowReader(book);
  for await (const tags of tagsInTurns(book.sheet)) {
    for (const tag of tags) {
      const row = reader.take(tag);
      if (row && (row.cells.size > 0 || row.problem !== null)) yield row;
    }
  }
}

/** Makes rows of the tags of a sheet. */
class RowReader {
  readonly #book: Book;
  readonly #inline = new TextReader();
  #line = 0;
  #cells = new Map<number, string>();
  #problem: string | null = null;
  #column = 0;
  #type = "n";
  #style = 0;
  #value = "";

  constructor(book: Book) {
    this.#book = book;
  }

  /** The row that a tag ends. */
  take(tag: Tag): Row | null {
    if (tag.name === "row") {
      if (tag.isOpen) this.#beginRow(tag);
      return tag.isClose ? this.#endRow() : null;
    }
    if (tag.name === "c") {
      if (tag.isOpen) this.#beginCell(tag);
      if (tag.isClose) this.#endCell();
    } else if (tag.name === "v" && !tag.isOpen) this.#value = textOf(tag);
    else this.#inline.take(tag);
    return null;
  }

  #beginRow(tag: Tag): void {
    const [line] = /^\d{1,7}$/.exec(attributesOf(tag).get("r") ?? "") ?? [];
    this.#line = Number(line ?? this.#line + 1);
    this.#cells = new Map();
    this.#problem = null;
    this.#column = 0;
  }

  #endRow(): Row {
    return { line: this.#line, cells: this.#cells, problem: this.#problem };
  }

  #beginCell(tag: Tag): void {
    const attributes = attributesOf(tag);
    const [, letters = "", number] = /^([A-Z]{0,3})(\d{0,7})$/.exec(attributes.get("r") ?? "") ??
      [];
    this.#column = letters === "" ? this.#column + 1 : columnOf(letters);
    // A row that does not say its number has that of its cells.
    if (this.#cells.size === 0 && Number(number) > this.#line) this.#line = Number(number);
    this.#type = attributes.get("t") ?? "n";
    this.#style = Number(attributes.get("s") ?? 0);
    this.#value = "";
    this.#inline.end();
  }

  #endCell(): void {
    if (this.#column > COLUMNS_MAX) throw new SheetError("The sheet has too many columns");
    const text = this.#text();
    if (text === null || text.length > TEXT_LENGTH_MAX) {
      this.#problem ??= `The cell in column ${this.#column} cannot be read`;
    } else if (text !== "") this.#cells.set(this.#column, text);
  }

  /** The cell as text; null: it makes no sense. */
  #text(): string | null {
    const value = this.#value;
    switch (this.#type) {
      case "inlineStr":
        return this.#inline.end();
      case "str":
        return plain(value);
      case "s":
        return value === "" ? "" : this.#book.strings[Number(value)] ?? null;
      case "b":
        return value === "" ? "" : String(value === "1");
      // What a formula has not come to.
      case "e":
        return "";
      case "d":
        return value === "" ? "" : dayOf(Date.parse(value));
      default:
        return value.trim() === "" ? "" : this.#numberText(Number(value));
    }
  }

  #numberText(number: number): string | null {
    if (!Number.isFinite(number)) return null;
    const { days, is1904 } = this.#book;
    if (!days[this.#style]) return String(number);
    const since = is1904 ? EPOCH.since1904 : EPOCH.since1900;
    // A number that is no day anybody knows stays what it is: the column's own check tells it.
    return dayOf((number - since) * DAY_MS) ?? String(number);
  }
}

function dayOf(ms: number): string | null {
  const day = new Date(Math.round(ms));
  return Number.isNaN(day.getTime()) ? null : day.toISOString().split("T")[0] ?? null;
}

function columnOf(letters: string): number {
  return [...letters].reduce((sum, sign) => sum * 26 + sign.charCodeAt(0) - 64, 0);
}
