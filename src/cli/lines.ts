/** The lines of a file that a client has sent, piece by piece. */
import type { Page, PageRequest } from "../runtime/for_each.ts";

const LINE_BYTES_MAX = 1_000;
const LF = 10;
const CR = 13;

/** Lines of a file from a place in it: the place is the cursor. @throws {NotFoundError} */
export async function linesOf(
  fileId: string,
  { cursor, limit, context }: Pick<PageRequest<unknown>, "cursor" | "limit" | "context">,
): Promise<Page<string>> {
  const file = await context.file(fileId);
  const start = typeof cursor === "number" ? cursor : 0;
  const items: string[] = [];
  let at = start;
  let line: number[] = [];
  for await (const piece of file.pieces(start)) {
    for (const byte of piece) {
      at++;
      // Of CR LF the second ends a line without anything in it, which is no item.
      if (byte !== LF && byte !== CR) {
        if (line.length < LINE_BYTES_MAX) line.push(byte);
        continue;
      }
      take(items, line);
      line = [];
      if (items.length === limit) return { items, cursor: at };
    }
  }
  take(items, line);
  return { items };
}

/** What is not UTF-8 is no address, and will be told as such. */
function take(items: string[], line: readonly number[]): void {
  const text = new TextDecoder().decode(Uint8Array.from(line)).trim();
  if (text !== "") items.push(text);
}
