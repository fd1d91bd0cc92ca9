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
  readonly [Event in keyof Events]?: (data: Events[Event]) => unknown;
};

/**
 * Follows a stream; gives a function that stops it. Of what comes within a frame, and while what it
 * has set off is still under way, only the newest of each kind is told: it says all. `query` is asked again at each beginning, so that
 * it goes on where it was. A hidden tab holds no connection.
 */
export function follow<Events extends object>(
  query: () => string,
  on: Listeners<Events>,
): () => void {
  const newest = new Map<keyof Events, string>();
  let source: EventSource | null = null;
  let frame = 0;
  let isBusy = false;
  const tell = async <Event extends keyof Events>(event: Event, data: string) => {
    await on[event]?.(JSON.parse(data));
  };
  const flush = async () => {
    frame = 0;
    if (isBusy) return;
    isBusy = true;
    const told = [...newest];
    newest.clear();
    await Promise.allSettled(told.map(([event, data]) => tell(event, data)));
    isBusy = false;
    if (newest.size > 0) frame ||= requestAnimationFrame(flush);
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
        newest.set(event, message.data);
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
