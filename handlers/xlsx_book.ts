/** An XLSX file, unpacked: its first sheet, and what the cells of that refer to. */
import { setImmediate } from "node:timers/promises";
import { unzipSync } from "fflate";
import { SheetError } from "./sheets.ts";
import { attributesOf, type Tag, tagsOf, textOf } from "./xml.ts";

/** What a sheet is read with. */
export interface Book {
  /** XML of the first sheet. */
  readonly sheet: string;
  /** Texts that cells share, by number. */
  readonly strings: readonly string[];
  /** Whether a number is shown as a day or a time, by style. */
  readonly days: readonly boolean[];
  /** Days are counted from 1904, as old Macintoshes did. */
  readonly is1904: boolean;
}

/** A small file can unpack to any size. */
const UNPACKED_BYTES_MAX = 128 * 1024 * 1024;
/** After so many tags, or so much in them, others get their turn. */
const TURN_TAGS = 5_000;
const TURN_LENGTH = 1024 * 1024;

/** The files in the archive by their names in lower case: programs do not agree on how to write these. */
type Parts = ReadonlyMap<string, Uint8Array>;

/** @throws {SheetError} It is no such file, or too large. */
export async function openBook(bytes: Uint8Array): Promise<Book> {
  const parts = unpacked(bytes);
  const links = linksOf(partOf(parts, "xl/_rels/workbook.xml.rels") ?? missing("links"));
  let [first, is1904]: [string | undefined, boolean] = [undefined, false];
  for (const tag of tagsOf(partOf(parts, "xl/workbook.xml") ?? missing("workbook"))) {
    if (!tag.isOpen) continue;
    // Others are charts and the like.
    if (tag.name === "sheet") first ??= links.sheets.get(attributesOf(tag).get("id") ?? "");
    if (tag.name === "workbookPr") {
      is1904 = ["1", "true"].includes(attributesOf(tag).get("date1904") ?? "");
    }
  }
  const sheet = partOf(parts, first ?? "") ?? missing("sheet");
  const strings = await stringsOf(partOf(parts, links.strings ?? "xl/sharedStrings.xml") ?? "");
  const days = await daysOf(partOf(parts, links.styles ?? "xl/styles.xml") ?? "");
  return { sheet, strings, days, is1904 };
}

/** The tags of a part; every now and then others get their turn, however long it is. */
export async function* tagsInTurns(xml: string): AsyncGenerator<Iterable<Tag>, void, void> {
  const tags = tagsOf(xml);
  for (let isOver = false; !isOver;) {
    const some: Tag[] = [];
    let length = 0;
    while (some.length < TURN_TAGS && length < TURN_LENGTH && !isOver) {
      const { value, done } = tags.next();
      if (value) {
        some.push(value);
        length += value.before.length + value.attributes.length;
      }
      isOver = done ?? false;
    }
    yield some;
    await setImmediate();
  }
}

/** What a reader needs; no part gets longer than the file says, and what that says is counted. */
function unpacked(bytes: Uint8Array): Parts {
  let total = 0;
  try {
    const files = unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        if (!/\.(xml|rels)$/i.test(name)) return false;
        total += originalSize;
        if (total > UNPACKED_BYTES_MAX) throw new SheetError("The file is too large, unpacked");
        return true;
      },
    });
    return new Map(Object.entries(files).map(([name, part]) => [name.toLowerCase(), part]));
  } catch (error) {
    if (error instanceof SheetError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new SheetError(`This is not an XLSX file: ${message}`, { cause: error });
  }
}

function partOf(parts: Parts, name: string): string | null {
  const bytes = parts.get(name.toLowerCase());
  return bytes ? new TextDecoder().decode(bytes) : null;
}

function missing(what: string): never {
  throw new SheetError(`This is not an XLSX file: it has no ${what}`);
}

/** Where the parts are that a workbook links to. */
function linksOf(xml: string) {
  const sheets = new Map<string, string>();
  let [strings, styles]: [string | null, string | null] = [null, null];
  for (const tag of tagsOf(xml)) {
    if (!tag.isOpen || tag.name !== "Relationship") continue;
    const attributes = attributesOf(tag);
    const path = pathOf(attributes.get("Target") ?? "");
    const type = attributes.get("Type") ?? "";
    if (type.endsWith("/worksheet")) sheets.set(attributes.get("Id") ?? "", path);
    else if (type.endsWith("/sharedStrings")) strings = path;
    else if (type.endsWith("/styles")) styles = path;
  }
  return { sheets, strings, styles };
}

/** The path of a part that a link in `xl` names. */
function pathOf(target: string): string {
  const path = target.startsWith("/") ? [] : ["xl"];
  for (const step of target.split("/")) {
    if (step === "..") path.pop();
    else if (step !== "" && step !== ".") path.push(step);
  }
  return path.join("/");
}

/** Reads the texts in `si` and `is`, which may be in pieces, with the readings of Japanese ones beside them. */
export class TextReader {
  text = "";
  #isReading = false;

  /** A tag within the element. */
  take(tag: Tag): void {
    if (tag.name === "rPh") this.#isReading = tag.isOpen && !tag.isClose;
    else if (tag.name === "t" && !tag.isOpen && !this.#isReading) this.text += textOf(tag);
  }

  /** The text of the element that ends here. */
  end(): string {
    const text = plain(this.text);
    this.text = "";
    return text;
  }
}

/** A text as it was typed: `_x000D_` stands for what XML cannot hold, and PostgreSQL has no half of a pair. */
export function plain(text: string): string {
  const typed = text.includes("_x")
    ? text.replaceAll(/_x([0-9A-Fa-f]{4})_/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)))
    : text;
  return typed.toWellFormed().trim();
}

async function stringsOf(xml: string): Promise<string[]> {
  const strings: string[] = [];
  const reader = new TextReader();
  for await (const tags of tagsInTurns(xml)) {
    for (const tag of tags) {
      if (tag.name === "si" && tag.isClose) strings.push(reader.end());
      else reader.take(tag);
    }
  }
  return strings;
}

const TEMPLATE_LENGTH_MAX = 255;
/** Formats of days and times that have no template. ECMA-376, 18.8.30. */
const DAY_FORMATS = [[14, 22], [27, 36], [45, 47], [50, 58], [71, 81]] as const;

async function daysOf(xml: string): Promise<boolean[]> {
  const templates = new Map<number, string>();
  const days: boolean[] = [];
  let isOfCells = false;
  for await (const tags of tagsInTurns(xml)) {
    for (const tag of tags) {
      if (tag.name === "cellXfs") isOfCells = tag.isOpen;
      if (!tag.isOpen || (tag.name !== "numFmt" && tag.name !== "xf")) continue;
      const attributes = attributesOf(tag);
      const id = Number(attributes.get("numFmtId") ?? 0);
      if (tag.name === "numFmt") {
        templates.set(id, (attributes.get("formatCode") ?? "").slice(0, TEMPLATE_LENGTH_MAX));
      } else if (isOfCells) {
        const isDay = DAY_FORMATS.some(([from, to]) => id >= from && id <= to);
        days.push(isDay || isOfDays(templates.get(id) ?? ""));
      }
    }
  }
  return days;
}

const DAY_SIGN = /^(?:s{1,2}|m{1,5}|h{1,2}|d{1,4}|y{1,4}|e{1,4}|a{3,5}|a|am|p|pm)$/;

/** Whether a template such as `yyyy\-mm\-dd;@` is of days and times: nothing else is in one of its parts. */
function isOfDays(template: string): boolean {
  return template.toLowerCase().replace(/;@$/, "").replaceAll(/\\./g, " ").split(";")
    .some((part) => {
      const signs = part.replaceAll(/"[^"]*"/g, " ")
        .replaceAll(/\[([smhd]{1,2})\]/g, "$1").replaceAll(/\[[^\]]*\]/g, "")
        .replaceAll(/([smhd])[.,]0{1,3}/g, "$1")
        .split(/[^a-z0#?%]+/).filter((sign) => sign !== "");
      return signs.length > 0 && signs.every((sign) => DAY_SIGN.test(sign));
    });
}
