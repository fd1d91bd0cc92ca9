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

/** A browser takes two hundred changes of an address in ten seconds; a key held down makes more. */
const WRITE_MS = 120;
let writing: ReturnType<typeof setTimeout> | undefined;

function write(how: "push" | "replace"): void {
  clearTimeout(writing);
  writing = undefined;
  history[how === "push" ? "pushState" : "replaceState"](null, "", place.peek());
}

/** `rest`: the address is written down when nothing has changed for a moment. */
type How = "push" | "replace" | "rest";

/** Goes to another address without loading the page again. */
export function go(href: string, how: How = "push"): void {
  const url = new URL(href, place.peek());
  if (url.href === place.peek().href) return;
  if (how === "rest") clearTimeout(writing);
  else if (writing !== undefined) write("replace");
  place.value = url;
  if (how === "rest") writing = setTimeout(write, WRITE_MS, "replace");
  else write(how);
  if (how === "push") scrollTo(0, 0);
}

/** Changes words of the query; null takes one out. */
export function setQuery(
  changes: Readonly<Record<string, string | null>>,
  how: How = "replace",
): void {
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
    clearTimeout(writing);
    place.value = new URL(location.href);
  });
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || event.defaultPrevented || event.button !== 0) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey || link.target || link.download) return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || !url.pathname.startsWith("/ui/") || url.hash) return;
    event.preventDefault();
    go(url.href);
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
