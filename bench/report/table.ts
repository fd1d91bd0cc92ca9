/** A Markdown table. Columns that are empty in every row are left out. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const isUsed = (_: string, column: number) => rows.some((row) => (row[column] ?? "") !== "");
  const line = (cells: readonly string[]) =>
    `| ${head.map((_, column) => cells[column] ?? "").filter(isUsed).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
