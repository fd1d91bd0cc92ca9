/** The smallest XLSX file that holds rows of text. */
import { strToU8, zipSync } from "fflate";

const MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships";

const STYLES = `<styleSheet xmlns="${MAIN}"><cellXfs count="2"><xf numFmtId="0"/>` +
  `<xf numFmtId="14"/></cellXfs></styleSheet>`;

/** Rows as a file with one sheet. */
export function xlsxOf(rows: readonly (readonly string[])[]): Uint8Array {
  return bookOf(rows.map((cells, index) => rowOf(cells, index + 1)).join(""));
}

/** A file with a sheet of these rows, as XML, and perhaps a second one. Style 1 is a date. */
export function bookOf(sheet: string, second = ""): Uint8Array {
  const files = {
    "_rels/.rels": relations("officeDocument", "xl/workbook.xml"),
    "xl/_rels/workbook.xml.rels": relations(
      "worksheet",
      "worksheets/sheet1.xml",
      `<Relationship Id="r2" Type="${OFFICE}/worksheet" Target="worksheets/sheet2.xml"/>` +
        `<Relationship Id="r3" Type="${OFFICE}/styles" Target="styles.xml"/>`,
    ),
    "xl/workbook.xml": `<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheets>` +
      `<sheet name="Sheet1" sheetId="1" r:id="r1"/><sheet name="Sheet2" sheetId="2" r:id="r2"/>` +
      `</sheets></workbook>`,
    "xl/styles.xml": STYLES,
    "xl/worksheets/sheet1.xml": sheetOf(sheet),
    "xl/worksheets/sheet2.xml": sheetOf(second),
  };
  const packed = Object.entries(files).map(([name, text]) => [name, strToU8(text)]);
  return zipSync(Object.fromEntries(packed));
}

function sheetOf(rows: string): string {
  return `<worksheet xmlns="${MAIN}"><sheetData>${rows}</sheetData></worksheet>`;
}

function relations(type: string, target: string, more = ""): string {
  return `<Relationships xmlns="${RELATIONS}">` +
    `<Relationship Id="r1" Type="${OFFICE}/${type}" Target="${target}"/>${more}</Relationships>`;
}

/** A row of text, and perhaps of other cells as XML. */
export function rowOf(cells: readonly string[], number: number, more = ""): string {
  const inner = cells.map((text, n) =>
    `<c r="${String.fromCharCode(65 + n)}${number}" t="inlineStr"><is><t>${text}</t></is></c>`
  );
  return `<row r="${number}">${inner.join("")}${more}</row>`;
}
