/** The smallest XLSX file that holds rows of text. */
import { strToU8, zipSync } from "fflate";

const MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships";

/** Rows as a file with one sheet. */
export function xlsxOf(rows: readonly (readonly string[])[]): Uint8Array {
  const files = {
    "_rels/.rels": relations("officeDocument", "xl/workbook.xml"),
    "xl/_rels/workbook.xml.rels": relations("worksheet", "worksheets/sheet1.xml"),
    "xl/workbook.xml": `<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheets>` +
      `<sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>`,
    "xl/worksheets/sheet1.xml": `<worksheet xmlns="${MAIN}"><sheetData>` +
      rows.map((cells, index) => rowOf(cells, index + 1)).join("") + "</sheetData></worksheet>",
  };
  const packed = Object.entries(files).map(([name, text]) => [name, strToU8(text)]);
  return zipSync(Object.fromEntries(packed));
}

function relations(type: string, target: string): string {
  return `<Relationships xmlns="${RELATIONS}">` +
    `<Relationship Id="r1" Type="${OFFICE}/${type}" Target="${target}"/></Relationships>`;
}

function rowOf(cells: readonly string[], number: number): string {
  const inner = cells.map((text, n) =>
    `<c r="${String.fromCharCode(65 + n)}${number}" t="inlineStr"><is><t>${text}</t></is></c>`
  );
  return `<row r="${number}">${inner.join("")}</row>`;
}
