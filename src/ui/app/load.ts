/** Data of pages: loaded, loaded again, and the error kept beside what is already there. */
import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { systemClock } from "../../core/clock.ts";

/** What became of loading. */
export interface Loaded<T> {
  readonly data: T | null;
  readonly error: Error | null;
  readonly isLoading: boolean;
  readonly reload: () => void;
  /** Puts newer data in its place. */
  readonly put: (data: T) => void;
}

/** What takes long is not asked for again before so many times as long have passed. */
const REST_TIMES = 5;

/**
 * Loads when `keys` change, and every `everyMs` while the page can be seen; slower what is slow. Newer
 * calls end older ones: an answer never comes after that of a later question. `show`: a part of the
 * answer; it stands until there is something whole.
 */
export function useLoad<T>(
  load: (signal: AbortSignal, show: (part: T) => void) => Promise<T>,
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
    let isWhole = false;
    const run = async () => {
      clearTimeout(timer);
      controller.abort();
      controller = new AbortController();
      const { signal } = controller;
      const begun = systemClock.monotonic();
      isLoading.value = true;
      const show = (part: T) => {
        if (!signal.aborted && !isWhole) data.value = part;
      };
      try {
        const found = await load(signal, show);
        if (signal.aborted) return;
        data.value = found;
        error.value = null;
        isWhole = true;
      } catch (thrown) {
        if (signal.aborted) return;
        error.value = thrown instanceof Error ? thrown : new Error(String(thrown));
      }
      isLoading.value = false;
      if (everyMs === 0) return;
      const rest = Math.max(everyMs, REST_TIMES * (systemClock.monotonic() - begun));
      timer = setTimeout(() => document.hidden ? wait() : void run(), rest);
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
