/** Parts of a whole that share no fate. */
import { UnavailableError } from "./errors.ts";

/**
 * Does all of them, one after the other, whatever becomes of those before; then rejects as the first that failed did.
 * Two in turn that find the database away end it: so would the others.
 */
export async function allInTurn(
  ...parts: readonly (() => Promise<unknown> | undefined)[]
): Promise<void> {
  const failures: unknown[] = [];
  for (const part of parts) {
    try {
      await part();
    } catch (error) {
      const isAway = [failures.at(-1), error].every((each) => each instanceof UnavailableError);
      failures.push(error);
      if (isAway) break;
    }
  }
  if (failures.length > 0) throw failures[0];
}
