/** A connection as it is, for tests of what no client sends. */

/** What is not answered by then never is. */
export const DEADLINE_MS = 60_000;

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** What comes until there is `until` in it, or the connection ends. */
export async function heard(connection: Deno.TcpConn, until = "\0"): Promise<string> {
  const buffer = new Uint8Array(16 * 1024);
  let text = "";
  const deadline = setTimeout(() => connection.close(), DEADLINE_MS);
  while (!text.includes(until)) {
    const count = await connection.read(buffer).catch(() => null);
    if (count === null) break;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
  clearTimeout(deadline);
  return text;
}

/** Nothing of this thread goes on meanwhile, as when the machine stands still. */
export function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
