/** XML, tag by tag: as much of it as the parts of an XLSX file are made of. */
import { SheetError } from "./sheets.ts";

/** A tag, and the text in front of it. */
export interface Tag {
  /** Without its prefix. */
  readonly name: string;
  /** It begins an element. */
  readonly isOpen: boolean;
  /** It ends one; one that does both is empty. */
  readonly isClose: boolean;
  /** As they are written: see `attributesOf`. */
  readonly attributes: string;
  /** As it is written: see `textOf`. */
  readonly before: string;
}

const TAG =
  /^<(\/?)(?:[^\s:<>/"'=]+:)?([^\s:<>/"'=]+)((?:\s+[^\s<>/"'=]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>/;
/** Begins where the last one ended: what is long is gone through once. */
const ATTRIBUTE = /\s+([^\s="']+)\s*=\s*(?:"([^"]*)"|'([^']*)')/gy;
const ENTITY = /&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w{1,4}));/g;
const NAMED: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};
const CDATA = "<![CDATA[";
/** Of a tag, and of the text in front of one: no cell comes near it, and more takes room without end. */
const LENGTH_MAX = 1024 * 1024;

/** The tags of a document. @throws {SheetError} It is no XML, is cut off, or declares what is in it. */
export function* tagsOf(xml: string): Generator<Tag, void, void> {
  let [before, depth, at] = ["", 0, 0];
  for (let from = xml.indexOf("<"); from >= 0; from = xml.indexOf("<", at)) {
    before += xml.slice(at, from);
    if (xml[from + 1] === "!" || xml[from + 1] === "?") {
      at = asideEnd(xml, from);
      if (xml.startsWith(CDATA, from)) before += escaped(xml.slice(from + CDATA.length, at - 3));
      continue;
    }
    const found = TAG.exec(xml.slice(from, from + LENGTH_MAX));
    const [all, end, name = "", attributes = "", empty] = found ?? [];
    if (all === undefined || before.length > LENGTH_MAX) throw notXml(from);
    const [isOpen, isClose] = [end === "", end !== "" || empty !== ""];
    depth += Number(isOpen) - Number(isClose);
    yield { name, isOpen, isClose, attributes, before };
    before = "";
    at = from + all.length;
  }
  if (depth !== 0) throw new SheetError("The file is damaged: a part of it is cut off");
}

/** Where a comment, an instruction or plain text ends. What a DOCTYPE declares can be of any size: there is none. */
function asideEnd(xml: string, from: number): number {
  const end = [["<!--", "-->"], [CDATA, "]]>"], ["<?", "?>"]]
    .find(([begin = ""]) => xml.startsWith(begin, from))?.[1];
  const at = end === undefined ? -1 : xml.indexOf(end, from);
  if (end === undefined || at < 0) throw notXml(from);
  return at + end.length;
}

function notXml(at: number): SheetError {
  return new SheetError(`This is not an XLSX file: there is no XML at character ${at} of a part`);
}

/** The attributes of a tag by their names, without prefixes. */
export function attributesOf({ attributes }: Tag): ReadonlyMap<string, string> {
  const found = attributes.matchAll(ATTRIBUTE);
  const bare = (name: string) => name.slice(name.lastIndexOf(":") + 1);
  return new Map(Array.from(found, ([, name = "", a, b = ""]) => [bare(name), unescaped(a ?? b)]));
}

/** The text in front of a tag, as it reads. */
export function textOf({ before }: Tag): string {
  return unescaped(before);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;");
}

function unescaped(text: string): string {
  if (!text.includes("&")) return text;
  return text.replaceAll(ENTITY, (all, decimal, hex, name) => {
    if (name !== undefined) return NAMED[name] ?? all;
    const code = decimal === undefined ? parseInt(hex, 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : "\uFFFD";
  });
}
