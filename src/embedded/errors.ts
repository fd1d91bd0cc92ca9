/**
 * The one error class of the embedded server. Everything that can go wrong here ends the start of
 * the program, so there is one class and the message itself says what to do.
 */

/** The embedded PostgreSQL cannot be prepared, started, joined or stopped. One-line message. */
export class EmbeddedError extends Error {
  override readonly name = "EmbeddedError";
}

/** The text of anything thrown, on one line, to be quoted inside another message. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().replaceAll(/\s*\n\s*/g, " | ");
}
