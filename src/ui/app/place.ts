/** Where we are: the address is the only state that pages share. */
import { computed, type ReadonlySignal, signal } from "@preact/signals";

/** The address as it is. */
export const place = signal(new URL(location.href));

/** Its path alone: who reads it hears of no change in the query. */
export const pathname = computed(() => place.value.pathname);

const words = new Map<string, ReadonlySignal<string | null>>();

/** A word of the query; who reads it hears of no other. */
export function word(name: string): string | null {
  const known = words.get(name) ?? computed(() => place.value.searchParams.get(name));
  words.set(name, known);
  return known.value;
}

/** A page and what it is about: `/ui/actors/a%2Fb` is `["actors", "a/b"]`. */
export function partsOf(path: string): readonly [page: string, id: string] {
  const [, , page = "", ...rest] = path.split("/");
  return [page, decoded(rest.join("/"))];
}

type How = "push" | "replace";
/** Words of the query; null takes one out. */
type Changes = Readonly<Record<string, string | null>>;

/** A browser takes two hundred changes of an address in ten seconds; a key held down makes more. */
const REST_MS = 120;
let resting: Changes | null = null;
let rest: ReturnType<typeof setTimeout> | undefined;

/** Writes down what was to wait. */
function settle(): void {
  const changes = resting;
  forget();
  if (changes) setQuery(changes);
}

function forget(): void {
  clearTimeout(rest);
  resting = null;
}

/** Goes to another address without loading the page again. */
export function go(href: string, how: How = "push"): void {
  settle();
  const url = new URL(href, place.peek());
  if (url.href === place.peek().href) return;
  place.value = url;
  history[how === "push" ? "pushState" : "replaceState"](null, "", url);
  if (how === "push") scrollTo(0, 0);
}

/** Changes words of the query when nothing has changed them for a moment. */
export function setQueryAtRest(changes: Changes): void {
  clearTimeout(rest);
  resting = changes;
  rest = setTimeout(settle, REST_MS);
}

/** Changes words of the query. */
export function setQuery(changes: Changes, how: How = "replace"): void {
  settle();
  const url = new URL(place.peek());
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  go(url.href, how);
}

/** Links within the pages do not load them again. */
export function followLinks(): void {
  addEventListener("popstate", () => {
    forget();
    place.value = new URL(location.href);
  });
  addEventListener("click", (event: MouseEvent) => {
    const link = linkAt(event);
    if (!link || event.defaultPrevented || event.button !== 0) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey || link.target || link.download) return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || !url.pathname.startsWith("/ui/") || url.hash) return;
    event.preventDefault();
    go(url.href);
  });
}

/** The link that something happens to. */
export function linkAt({ target }: Event): HTMLAnchorElement | null {
  return target instanceof Element ? target.closest("a") : null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
