/** Rows of CSV and XLSX files, by the names in their first row; bad ones with their place and reason. */

/** A row as the file has it, or why it cannot be read. A column with nothing in it need not be there. */
export type SheetRow =
  | { readonly line: number; readonly cells: Readonly<Record<string, string>> }
  | { readonly line: number; readonly problem: string };

/** The file as a whole is of no use. */
export class SheetError extends Error {
  override readonly name = "SheetError";
  readonly retryable = false;
}

/** The names of the first row, in lower case. @throws {SheetError} One that is wanted is not there. */
export function namesOf(first: readonly string[], wanted: readonly string[]): string[] {
  if (first.some((name) => name.includes("\0"))) {
    throw new SheetError("The file is not UTF-8: save it as CSV UTF-8");
  }
  const names: string[] = [];
  const seen = new Set<string>();
  for (const text of first) {
    const name = text.trim().toLowerCase();
    if (seen.has(name)) throw new SheetError(`Two columns are named "${name.slice(0, 64)}"`);
    if (name !== "") seen.add(name);
    names.push(name);
  }
  if (!wanted.every((name) => seen.has(name))) {
    const list = wanted.map((name) => `"${name}"`).join(" and ");
    throw new SheetError(`The first row must name the columns ${list}`);
  }
  return names;
}
