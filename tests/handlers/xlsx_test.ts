/** Rows of XLSX files: what the many programs that write them make of a cell, and files that mean harm. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { strToU8, unzipSync, zipSync } from "fflate";
import { SheetError } from "../../handlers/sheets.ts";
import { xlsxRows } from "../../handlers/xlsx.ts";
import { bookOf, rowOf } from "./xlsx.ts";

/** The rows of a file. */
function rowsOf(file: Uint8Array) {
  return Array.fromAsync(xlsxRows(ReadableStream.from([file])));
}

/** The cells of the second row of a sheet whose first row names columns a, b, c and so on. */
async function cellsOf(cells: string, parts: Readonly<Record<string, string>> = {}) {
  const names = rowOf(["a", "b", "c", "d", "e"], 1);
  const [row] = await rowsOf(withParts(bookOf(`${names}<row r="2">${cells}</row>`), parts));
  assert(row && "cells" in row, JSON.stringify(row));
  return Object.values(row.cells);
}

function withParts(file: Uint8Array, parts: Readonly<Record<string, string>>): Uint8Array {
  const more = Object.entries(parts).map(([name, text]) => [name, strToU8(text)]);
  return zipSync({ ...unzipSync(file), ...Object.fromEntries(more) });
}

Deno.test("texts that cells share: in pieces, with readings, entities and what XML cannot hold", async () => {
  const strings = `<?xml version="1.0"?><!-- of a test --><x:sst xmlns:x="m">` +
    `<x:si><x:t xml:space="preserve"> Ada &amp; &#67;o &lt;x&gt; </x:t></x:si>` +
    `<x:si><x:r><x:rPr><x:b/></x:rPr><x:t>Lo</x:t></x:r><x:r><x:t>ve</x:t></x:r></x:si>` +
    `<x:si><x:t>東京</x:t><x:rPh sb="0" eb="2"><x:t>トウキョウ</x:t></x:rPh></x:si>` +
    `<x:si><x:t><![CDATA[a & b]]></x:t></x:si><x:si><x:t>x_x000D_y_xD800_</x:t></x:si></x:sst>`;
  const cells = ["A", "B", "C", "D", "E"].map((column, n) =>
    `<c r="${column}2" t="s"><v>${n}</v></c>`
  );
  const seen = await cellsOf(cells.join(""), { "xl/sharedStrings.xml": strings });
  assertEquals(seen, ["Ada & Co <x>", "Love", "東京", "a & b", "x\ry\uFFFD"]);
});

Deno.test("numbers, answers, formulas and days, as they are shown", async () => {
  const cell = (rest: string) => `<c ${rest}</c>`;
  const plain = [
    cell(`t="n"><v>1e3</v>`),
    cell(`t="b"><v>1</v>`),
    cell(`t="str"><f>A1</f><v> ADA </v>`),
    cell(`t="e"><v>#N/A</v>`),
    cell(`t="d"><v>2026-01-31T00:00:00Z</v>`),
  ];
  assertEquals(await cellsOf(plain.join("")), ["1000", "true", "ADA", "2026-01-31"]);
  const styles = `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd;@"/>` +
    `<numFmt numFmtId="165" formatCode="&quot;day&quot; 0.00"/>` +
    `<numFmt numFmtId="166" formatCode="[h]:mm:ss.00"/></numFmts>` +
    `<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/>` +
    `<xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="14"/><xf numFmtId="166"/></cellXfs></styleSheet>`;
  const days = [0, 1, 2, 3, 4].map((style) => cell(`s="${style}"><v>46053</v>`)).join("");
  const parts = { "xl/styles.xml": styles };
  const day = "2026-01-31";
  assertEquals(await cellsOf(days, parts), ["46053", day, "46053", day, day]);
  const workbook =
    `<workbook><workbookPr date1904="1"/><sheets><sheet name="S" r:id="r1"/></sheets></workbook>`;
  const old = await cellsOf(cell(`s="3"><v>44591</v>`), { ...parts, "xl/workbook.xml": workbook });
  assertEquals(old[0], day);
});

Deno.test("cells and rows without numbers follow each other; a cell that makes no sense costs its row", async () => {
  const text = (words: string) => `<c t="inlineStr"><is><t>${words}</t></is></c>`;
  const file = bookOf(
    `<row/><row>${text("a")}${text("b")}</row><row/><row>${text("1")}<c/>${text("3")}</row>` +
      `<row><c t="s"><v>7</v></c></row><row><c r="B9" t="inlineStr"><is><t>2</t></is></c></row>`,
  );
  assertEquals(await rowsOf(file), [
    { line: 4, cells: { a: "1" } },
    { line: 5, problem: "The cell in column 1 cannot be read" },
    { line: 9, cells: { b: "2" } },
  ]);
});

Deno.test("files that mean harm are refused, and none of them is in anybody's way", async () => {
  const good = bookOf(rowOf(["a"], 1));
  const laughs =
    `<!DOCTYPE sst [<!ENTITY l "lol"><!ENTITY m "&l;&l;">]><sst><si><t>&m;</t></si></sst>`;
  for (
    const parts of [
      { "xl/sharedStrings.xml": laughs },
      { "xl/worksheets/sheet1.xml": `<worksheet><sheetData><row r="1"` },
      { "xl/worksheets/sheet1.xml": `<worksheet><!-- never ends` },
      { "xl/workbook.xml": `<workbook><sheets/></workbook>` },
      // What no cell could need, and no memory holds a hundred times over.
      { "xl/worksheets/sheet1.xml": `<worksheet${' a=""'.repeat(300_000)}/>` },
      { "xl/sharedStrings.xml": `<sst><si><t>${"&amp;".repeat(300_000)}</t></si></sst>` },
    ]
  ) await assertRejects(() => rowsOf(withParts(good, parts)), SheetError, "not an XLSX file");
  const cells = `<row r="2">${"<c/>".repeat(100_000)}</row>`;
  await assertRejects(
    () => rowsOf(bookOf(rowOf(["a"], 1) + cells)),
    SheetError,
    "too many columns",
  );
  const empty = await rowsOf(bookOf(rowOf(["a"], 1) + "<row/>".repeat(300_000)));
  assertEquals(empty, []);
});

Deno.test("a sheet that is cut off is none, wherever that is", async () => {
  const good = bookOf("");
  const row = rowOf(["x"], 1);
  for (const end of ["", "<row>", "<row><c><v>12", "</sheetData>", "</sheetData>\n"]) {
    const xml = `<worksheet><sheetData>${row}${end}`;
    await assertRejects(
      () => rowsOf(withParts(good, { "xl/worksheets/sheet1.xml": xml })),
      SheetError,
      "cut off",
    );
  }
  const strings = { "xl/sharedStrings.xml": `<sst><si><t>a</t></si>` };
  await assertRejects(() => rowsOf(withParts(bookOf(row), strings)), SheetError, "cut off");
});

Deno.test("tags of any shape are gone through once: what is squared takes many minutes", async () => {
  const [a, b, blank] = ["a", "b", " "].map((sign) => sign.repeat(250_000));
  const cell = `<is><t>1</t></is></c>`;
  const seen = await cellsOf(
    `<c ${a}:${b}:r="A2" t="inlineStr">${cell}<c ${a}${b}="" r="B2" t="inlineStr">${cell}` +
      `<c${blank}r${blank}=${blank}"C2"${blank} t="inlineStr">${cell}`,
  );
  assertEquals(seen, ["1", "1", "1"]);
  for (
    const tag of [
      `<${a}:${b}`,
      `<c${blank}${blank}=`,
      `<c ${a}${blank}`,
      `<c ${a}="${b}`,
      `<c a='b"`,
    ]
  ) {
    await assertRejects(() => cellsOf(`${tag}${blank}<`), SheetError, "there is no XML");
  }
});

Deno.test("a row costs what it holds, however many columns have names and however long a text is that cells share", async () => {
  const names = Array.from({ length: 16_384 }, (_, n) => `<c t="str"><v>n${n}</v></c>`);
  const row = `<row><c r="B2"><v>1</v></c><c r="XFD2"><v>2</v></c></row>`;
  const file = bookOf(`<row>${names.join("")}</row>${row}<row><c t="s"><v>0</v></c></row>`);
  const strings = `<sst><si><t>${"x".repeat(32_768)}</t></si></sst>`;
  assertEquals(await rowsOf(withParts(file, { "xl/sharedStrings.xml": strings })), [
    { line: 2, cells: { n1: "1", n16383: "2" } },
    { line: 3, problem: "The cell in column 1 cannot be read" },
  ]);
});

Deno.test("the first sheet is the first that is no chart; links and parts are written in many ways", async () => {
  const office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
  const sheet = bookOf(rowOf(["a"], 1) + `<row r="2"><c t="s"><v>0</v></c></row>`);
  const workbook = `<workbook><sheets><sheet name="Chart" r:id="r0"/><sheet name="S" r:id="r1"/>` +
    `<sheet name="T" r:id="r2"/></sheets></workbook>`;
  const targets = [
    "./worksheets/sheet1.xml",
    "../xl/worksheets/sheet1.xml",
    "Worksheets/Sheet1.xml",
  ];
  for (const target of [...targets, "/xl/worksheets/sheet1.xml"]) {
    const links = `<Relationships>` +
      `<Relationship Id="r0" Type="${office}/chartsheet" Target="chartsheets/sheet1.xml"/>` +
      `<Relationship Id="r1" Type="${office}/worksheet" Target="${target}"/>` +
      `<Relationship Id="r2" Type="${office}/worksheet" Target="worksheets/sheet2.xml"/></Relationships>`;
    const file = withParts(sheet, {
      "xl/workbook.xml": workbook,
      "xl/_rels/workbook.xml.rels": links,
      "xl/SharedStrings.xml": `<sst><si><t>Ada</t></si></sst>`,
      "xl/chartsheets/sheet1.xml": `<chartsheet/>`,
    });
    assertEquals(await rowsOf(file), [{ line: 2, cells: { a: "Ada" } }], target);
  }
});

Deno.test("a long sheet lets others have their turn between its rows", async () => {
  const count = 20_000;
  const rows = Array.from({ length: count }, (_, n) => rowOf(["x", `${n}`], n + 2));
  const file = bookOf(rowOf(["a", "b"], 1) + rows.join(""));
  let [seen, seenAtTurn, most, isOver] = [0, 0, 0, false];
  const turn = () => {
    most = Math.max(most, seen - seenAtTurn);
    seenAtTurn = seen;
    if (!isOver) setTimeout(turn, 0);
  };
  turn();
  for await (const _row of xlsxRows(ReadableStream.from([file]))) seen++;
  isOver = true;
  most = Math.max(most, seen - seenAtTurn);
  assertEquals(seen, count);
  assert(most <= count / 4, `${most} rows without a turn`);
});
