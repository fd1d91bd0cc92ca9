/** Follows the stream: one event source per page, folded per frame, stopped while hidden. */
import { signal } from "@preact/signals";

/** What a stream says of one instance. */
export interface Moved {
  readonly job: { readonly version: number };
  readonly actor: { readonly version: number };
}

/** How the page stands to the server. */
export const liveness = signal<"still" | "connecting" | "live" | "behind">("still");

/** What is done per event, by what it carries. */
export type Listeners<Events> = {
  readonly [Event in keyof Events]?: (data: Events[Event]) => void;
};

/**
 * Follows a stream; gives a function that stops it. `query` is asked again at each beginning, so that
 * it goes on where it was. A hidden tab holds no connection.
 */
export function follow<Events extends object>(
  query: () => string,
  on: Listeners<Events>,
): () => void {
  const waiting: (() => void)[] = [];
  let source: EventSource | null = null;
  let frame = 0;
  const flush = () => {
    frame = 0;
    for (const run of waiting.splice(0)) run();
  };
  const open = () => {
    if (document.hidden || source) return;
    liveness.value = "connecting";
    source = new EventSource(`/stream${query()}`);
    source.onopen = () => liveness.value = "live";
    source.onerror = () => {
      liveness.value = "behind";
      // Closed for good when the server refused: tried again, with what is known by then.
      if (source?.readyState === EventSource.CLOSED) {
        close();
        retry = setTimeout(open, 2_000);
      }
    };
    const listen = <Event extends keyof Events & string>(event: Event) =>
      source?.addEventListener(event, (message) => {
        waiting.push(() => on[event]?.(JSON.parse(message.data)));
        frame ||= requestAnimationFrame(flush);
      });
    for (const event in on) listen(event);
  };
  let retry: ReturnType<typeof setTimeout> | undefined;
  const close = () => {
    clearTimeout(retry);
    source?.close();
    source = null;
  };
  const onVisible = () => document.hidden ? close() : open();
  document.addEventListener("visibilitychange", onVisible);
  open();
  return () => {
    close();
    cancelAnimationFrame(frame);
    document.removeEventListener("visibilitychange", onVisible);
    liveness.value = "still";
  };
}
