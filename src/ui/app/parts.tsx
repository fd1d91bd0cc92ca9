/** Small parts that all pages share. Text is always text: nothing here parses HTML. */
import { type Signal, signal, useSignal } from "@preact/signals";
import type { ComponentChildren, FunctionComponent } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { Icon, type IconName } from "./icons.tsx";
import { systemClock } from "../../core/clock.ts";
import { countdown, duration, json, spoken } from "./words.ts";

type Tone = "mute" | "on" | "ok" | "warn" | "bad" | "hold";

/** Each state and status: colour, shape and word together. */
const looks: Readonly<Record<string, readonly [Tone, IconName]>> = {
  pending: ["mute", "ring"],
  scheduled: ["mute", "clock"],
  running: ["on", "dot"],
  retry: ["warn", "again"],
  succeeded: ["ok", "check"],
  dead_letter: ["bad", "cross"],
  cancelled: ["mute", "struck"],
  active: ["on", "dot"],
  done: ["ok", "check"],
  error: ["bad", "cross"],
  stalled: ["bad", "warn"],
  blocked: ["bad", "block"],
  paused: ["hold", "bars"],
  terminated: ["mute", "struck"],
  open: ["ok", "check"],
  draining: ["warn", "clock"],
  stopped: ["mute", "struck"],
  failed: ["bad", "cross"],
  closed: ["ok", "check"],
  half_open: ["warn", "again"],
};

/** A state or status. */
export function Pill({ state, label }: { readonly state: string; readonly label?: string }) {
  const [tone, icon] = looks[state] ?? ["mute", "ring"];
  return (
    <span class={`pill ${tone}`} data-status={state}>
      <Icon name={icon} />
      {label ?? spoken(state)}
    </span>
  );
}

/** Ticks once in a second while somebody looks. */
export const now = signal(systemClock.now());
setInterval(() => {
  if (!document.hidden) now.value = systemClock.now();
}, 1_000);

/** An instant, as long ago; the title has the day, the time and the zone. */
export function Ago({ at }: { readonly at: string | null }) {
  if (!at) return <span class="soft">–</span>;
  const ms = now.value - Date.parse(at);
  const text = ms < -999 ? `in ${duration(-ms)}` : ms < 1_000 ? "now" : `${duration(ms)} ago`;
  return <time dateTime={at} title={new Date(at).toString()}>{text}</time>;
}

/** What is left until an instant, or was left. */
export function Countdown({ at, from }: { readonly at: string; readonly from?: number | null }) {
  return (
    <time class="number" dateTime={at} title={new Date(at).toString()}>
      {countdown(Date.parse(at) - (from ?? now.value))}
    </time>
  );
}

/** A block of JSON to read and copy. */
export function Raw({ value }: { readonly value: unknown }) {
  const text = json(value);
  return <pre tabIndex={0}>{text.length > 100_000 ? `${text.slice(0, 100_000)}…` : text}</pre>;
}

/** A panel with a title. */
export function Panel({ title, aside, children, name }: {
  readonly title: string;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
  readonly name?: string;
}) {
  return (
    <section class={`panel ${name ?? ""}`} aria-label={title}>
      <h2>{title}{aside !== undefined && <span class="aside">{aside}</span>}</h2>
      {children}
    </section>
  );
}

/** Nothing there, said helpfully; `isPage`: there is nothing else on the page. */
export function Empty({ title, children, isPage = false }: {
  readonly title: string;
  readonly children?: ComponentChildren;
  readonly isPage?: boolean;
}) {
  return (
    <div class="empty">
      {isPage ? <h1 class="big">{title}</h1> : <p class="big">{title}</p>}
      {children}
    </div>
  );
}

const message = signal<{ readonly text: string; readonly isBad: boolean } | null>(null);
let hiding: ReturnType<typeof setTimeout> | undefined;

/** Says something that goes away by itself. */
export function toast(text: string, isBad = false): void {
  message.value = { text, isBad };
  clearTimeout(hiding);
  hiding = setTimeout(() => message.value = null, 8_000);
}

/** Where it is said. */
export function Toast() {
  return (
    <div
      id="toast"
      role="status"
      class={message.value ? `shown ${message.value.isBad ? "bad" : ""}` : ""}
    >
      {message.value && <Icon name={message.value.isBad ? "warn" : "check"} />}
      {message.value?.text}
    </div>
  );
}

/** The name of the page in the window. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Perdura`;
  }, [title]);
}

type Keys = Readonly<Record<string, () => void>>;

/** All that are there listen as one. */
const keys = new Set<Keys>();
addEventListener("keydown", (event: KeyboardEvent) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const { target } = event;
  for (const on of keys) {
    const run = on[event.key];
    if (!run) continue;
    if (
      target instanceof HTMLElement && target !== document.body &&
      target.closest("input, textarea, select, dialog[open], .chart")
    ) return;
    event.preventDefault();
    return run();
  }
});

/** Keys of a page; none while somebody writes or a dialog is open. */
export function useKeys(on: Keys): void {
  useEffect(() => {
    keys.add(on);
    return () => void keys.delete(on);
  });
}

/** A component of a module that is not there yet; `load` fetches it before it is shown. */
export function lazy<Module, Props extends object>(
  fetch: () => Promise<Module>,
  pick: (module: Module) => FunctionComponent<Props>,
): FunctionComponent<Props> & { readonly load: () => void } {
  const found = signal<FunctionComponent<Props> | null>(null);
  const failed = signal(false);
  const load = async () => {
    found.value ??= pick(await fetch());
  };
  const component: FunctionComponent<Props> = (props) => {
    useLayoutEffect(() => void load().catch(() => failed.value = true), []);
    const Found = found.value;
    if (Found) return <Found {...props} />;
    if (!failed.value) return <div class="loading" aria-busy="true" />;
    return (
      <Empty isPage title="This page could not be fetched">
        <p class="soft">
          The server may be newer: <a href={location.href} target="_self">load it again</a>.
        </p>
      </Empty>
    );
  };
  return Object.assign(component, { load: () => void load().catch(() => {}) });
}

/** Runs an action once at a time; its failure is said, not thrown. */
export function useAction(): {
  readonly isBusy: boolean;
  readonly run: (act: () => Promise<unknown>, done?: string) => Promise<boolean>;
} {
  const busy = useSignal(false);
  const run = async (act: () => Promise<unknown>, done?: string) => {
    if (busy.value) return false;
    busy.value = true;
    try {
      await act();
      if (done) toast(done);
      return true;
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error), true);
      return false;
    } finally {
      busy.value = false;
    }
  };
  return { isBusy: busy.value, run };
}

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
 * answer; it stands until there is something whole. `news`: when they change it is asked again too,
 * and what is there stays until it is answered.
 */
export function useLoad<T>(
  load: (signal: AbortSignal, show: (part: T) => void) => Promise<T>,
  keys: readonly unknown[],
  everyMs = 0,
  news: readonly unknown[] = [],
): Loaded<T> {
  const data: Signal<T | null> = useSignal<T | null>(null);
  const error = useSignal<Error | null>(null);
  const isLoading = useSignal(true);
  const again = useRef(() => {});
  // Not after the next frame: what is asked for is the longest way.
  useLayoutEffect(() => {
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
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) again.current();
    isFirst.current = false;
  }, news);
  return {
    data: data.value,
    error: error.value,
    isLoading: isLoading.value,
    reload: () => again.current(),
    put: (newer) => data.value = newer,
  };
}
