/**
 * Rows of CSV files in UTF-8, one by one: a bad row costs itself alone.
 *
 * Records are found here, their fields by csv-parse. A quotation mark that is never closed would
 * take every row after it along; so a record that makes no sense is given up at its first line, and
 * reading goes on with the next one.
 */
import { parse } from "csv-parse/sync";
import { namesOf, SheetError, type SheetRow } from "./sheets.ts";

const LF = 10;
const CR = 13;
/** A record of a spreadsheet can be this long; more is an open quotation mark. */
const RECORD_LENGTH_MAX = 100_000;
const RECORD_LINES_MAX = 1_000;
const LINE_BYTES_MAX = 4 * RECORD_LENGTH_MAX;

/** A line of the file with what ends it; null: it is not UTF-8, or longer than any record. */
interface Line {
  readonly line: number;
  readonly text: string | null;
  readonly isLong: boolean;
}

type Found = { readonly line: number; readonly fields: readonly string[] } | {
  readonly line: number;
  readonly problem: string;
};

/**
 * Lines are counted from 1, the names' own included; a row is told by the line it begins in.
 *
 * @param wanted Columns that must be there.
 * @throws {SheetError} It has no names.
 */
export async function* csvRows(
  pieces: AsyncIterable<Uint8Array>,
  wanted: readonly string[] = [],
): AsyncGenerator<SheetRow> {
  let names: string[] | null = null;
  for await (const record of recordsOf(new Lines(pieces))) {
    const { line } = record;
    if (!names) {
      if ("problem" in record) throw new SheetError(`The first row: ${record.problem}`);
      names = namesOf(record.fields, wanted);
    } else if ("problem" in record) yield record;
    else if (record.fields.length !== names.length) {
      yield { line, problem: "It has more or fewer fields than the first row has names" };
    } else {
      const { fields } = record;
      yield { line, cells: Object.fromEntries(names.map((name, n) => [name, fields[n] ?? ""])) };
    }
  }
  if (!names) throw new SheetError("The file is empty");
}

async function* recordsOf(lines: Lines): AsyncGenerator<Found> {
  for (let first = await lines.next(); first; first = await lines.next()) {
    const { line, text, isLong } = first;
    if (text === null) {
      yield { line, problem: isLong ? "It is too long" : "It is not UTF-8: save it as CSV UTF-8" };
    } else if (!text.includes('"')) {
      if (text.trim() !== "") yield { line, fields: text.split(",").map((field) => field.trim()) };
    } else {
      const fields = fieldsOf(await closed(text, lines));
      if (fields) lines.accept();
      else lines.putBack();
      yield fields
        ? { line, fields }
        : { line, problem: "A quotation mark is not closed, or stands inside a field" };
    }
  }
}

/** A line, and those after it as far as its quotation marks reach; null: too far. */
async function closed(first: string, lines: Lines): Promise<string | null> {
  let text = first;
  let isOpen = isOdd(first);
  for (let n = 1; isOpen; n++) {
    const next = n < RECORD_LINES_MAX ? await lines.peek() : null;
    if (next === null || next.text === null) return null;
    text += next.text;
    if (text.length > RECORD_LENGTH_MAX) return null;
    if (isOdd(next.text)) isOpen = false;
  }
  return text;
}

function isOdd(text: string): boolean {
  let marks = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) marks++;
  return marks % 2 === 1;
}

function fieldsOf(text: string | null): string[] | null {
  if (text === null) return null;
  try {
    const records: string[][] = parse(text.replace(/[\r\n]+$/, ""), { trim: true });
    return records.length === 1 ? records[0] ?? null : null;
  } catch {
    return null;
  }
}

/** The lines of a file, some of which may be read again. */
class Lines {
  readonly #source: AsyncGenerator<Line>;
  /** Read already, and not taken yet. */
  #ahead: Line[] = [];
  #peeked = 0;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#source = linesOf(pieces);
  }

  async next(): Promise<Line | null> {
    return this.#ahead.shift() ?? await this.#read();
  }

  /** The next one after those that were peeked at since the last `next`. */
  async peek(): Promise<Line | null> {
    const line = this.#ahead[this.#peeked] ?? await this.#read();
    if (line === null) return null;
    if (this.#peeked === this.#ahead.length) this.#ahead.push(line);
    this.#peeked++;
    return line;
  }

  /** Takes what was peeked at. */
  accept(): void {
    this.#ahead = this.#ahead.slice(this.#peeked);
    this.#peeked = 0;
  }

  /** Leaves it for `next`. */
  putBack(): void {
    this.#peeked = 0;
  }

  async #read(): Promise<Line | null> {
    const { value, done } = await this.#source.next();
    return done ? null : value;
  }
}

async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  const text = (bytes: Uint8Array) => {
    try {
      return utf8.decode(bytes);
    } catch {
      return null;
    }
  };
  let line = 0;
  for await (const bytes of bytesOf(pieces)) {
    line++;
    const isLong = bytes.length > LINE_BYTES_MAX;
    yield { line, text: isLong ? null : text(bytes), isLong };
  }
}

/** Line by line with what ends them: LF, CR LF, or CR where the first line ends with one. */
async function* bytesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let end: number | null = null;
  let begun: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
    end ??= endOf(piece);
    let from = 0;
    for (let at = end === null ? -1 : piece.indexOf(end); at >= 0;) {
      begun.push(piece.subarray(from, at + 1));
      yield joined(begun);
      [begun, length, from] = [[], 0, at + 1];
      at = piece.indexOf(end ?? LF, from);
    }
    // Of a line that is too long anyway no more is kept than shows it.
    if (length <= LINE_BYTES_MAX) begun.push(piece.slice(from));
    length += piece.length - from;
  }
  if (length > 0) yield joined(begun);
}

function endOf(piece: Uint8Array): number | null {
  const at = piece.findIndex((byte) => byte === LF || byte === CR);
  if (at < 0) return null;
  return piece[at] === CR && at + 1 < piece.length && piece[at + 1] !== LF ? CR : LF;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first, ...more] = parts;
  if (first && more.length === 0) return first;
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
