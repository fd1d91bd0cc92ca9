/** Parts of a whole that share no fate. */

/**
 * Does all of them, one after the other, whatever becomes of those before; then rejects as the first that failed did.
 */
export async function allInTurn(
  ...parts: readonly (() => Promise<unknown> | undefined)[]
): Promise<void> {
  const failures: unknown[] = [];
  for (const part of parts) {
    try {
      await part();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
