/** Data of pages: loaded, loaded again, and the error kept beside what is already there. */
import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

/** What became of loading. */
export interface Loaded<T> {
  readonly data: T | null;
  readonly error: Error | null;
  readonly isLoading: boolean;
  readonly reload: () => void;
  /** Puts newer data in its place. */
  readonly put: (data: T) => void;
}

/**
 * Loads when `keys` change, and every `everyMs` while the page can be seen. Newer calls end older
 * ones: an answer never comes after that of a later question.
 */
export function useLoad<T>(
  load: (signal: AbortSignal) => Promise<T>,
  keys: readonly unknown[],
  everyMs = 0,
): Loaded<T> {
  const data: Signal<T | null> = useSignal<T | null>(null);
  const error = useSignal<Error | null>(null);
  const isLoading = useSignal(true);
  const again = useRef(() => {});
  useEffect(() => {
    let controller = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const run = async () => {
      clearTimeout(timer);
      controller.abort();
      controller = new AbortController();
      const { signal } = controller;
      isLoading.value = true;
      try {
        const found = await load(signal);
        if (signal.aborted) return;
        data.value = found;
        error.value = null;
      } catch (thrown) {
        if (signal.aborted) return;
        error.value = thrown instanceof Error ? thrown : new Error(String(thrown));
      }
      isLoading.value = false;
      if (everyMs > 0) timer = setTimeout(() => document.hidden ? wait() : void run(), everyMs);
    };
    const wait = () =>
      document.addEventListener("visibilitychange", () => void run(), {
        once: true,
        signal: controller.signal,
      });
    again.current = () => void run();
    data.value = null;
    void run();
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, keys);
  return {
    data: data.value,
    error: error.value,
    isLoading: isLoading.value,
    reload: () => again.current(),
    put: (newer) => data.value = newer,
  };
}
