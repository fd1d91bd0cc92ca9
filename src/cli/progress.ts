/** A bar for work that takes long, on a terminal: on standard error, so that what is printed stays clean. */

const WIDTH = 30;
const CLEAR_LINE = "\r\x1b[K";

/** Draws over itself; where nobody looks, nothing. */
export class Progress {
  readonly #what: string;
  readonly #write: ((text: string) => void) | null;
  #shown = "";

  /** @param write Where to draw; null: nowhere. Default: standard error, if that is a terminal. */
  constructor(what: string, write: ((text: string) => void) | null = terminal()) {
    this.#what = what;
    this.#write = write;
  }

  /** @param of Null: nobody knows how much there is. */
  show(done: number, of: number | null): void {
    const line = `${this.#what}  ${of === null ? String(done) : barOf(done, of)}`;
    if (line === this.#shown) return;
    this.#shown = line;
    this.#write?.(CLEAR_LINE + line);
  }

  /** Takes it away: what comes next has the line for itself. */
  end(): void {
    if (this.#shown !== "") this.#write?.(CLEAR_LINE);
    this.#shown = "";
  }
}

/** `[######------]  50 %  300 of 600`. */
export function barOf(done: number, of: number): string {
  const share = of <= 0 ? 1 : Math.min(1, Math.max(0, done / of));
  const full = Math.floor(share * WIDTH);
  const percent = String(Math.floor(share * 100)).padStart(3);
  return `[${"#".repeat(full)}${"-".repeat(WIDTH - full)}] ${percent} %  ${done} of ${of}`;
}

function terminal(): ((text: string) => void) | null {
  if (!Deno.stderr.isTerminal()) return null;
  const encoder = new TextEncoder();
  return (text) => void Deno.stderr.writeSync(encoder.encode(text));
}
