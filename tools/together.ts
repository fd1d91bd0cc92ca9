/**
 * What runs side by side, to its end. When one throws, the others are asked to stop, and waited for: what
 * they need, a database, is there until then.
 */
export async function together<T>(
  runs: readonly Promise<T>[],
  stop: AbortController,
): Promise<T[]> {
  try {
    return await Promise.all(runs);
  } catch (error) {
    stop.abort();
    await Promise.allSettled(runs);
    throw error;
  }
}
