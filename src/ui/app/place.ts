/** Where we are: the address is the only state that pages share. */
import { signal } from "@preact/signals";

/** The address as it is. */
export const place = signal(new URL(location.href));

/** A page and what it is about: `/ui/actors/a%2Fb` is `["actors", "a/b"]`. */
export function partsOf(url: URL): readonly [page: string, id: string] {
  const [, , page = "", ...rest] = url.pathname.split("/");
  return [page, decoded(rest.join("/"))];
}

/** Goes to another address without loading the page again. */
export function go(href: string, how: "push" | "replace" = "push"): void {
  const url = new URL(href, place.value);
  if (url.href === place.value.href) return;
  history[how === "push" ? "pushState" : "replaceState"](null, "", url);
  place.value = url;
  if (how === "push") scrollTo(0, 0);
}

/** Changes words of the query; null takes one out. */
export function setQuery(
  changes: Readonly<Record<string, string | null>>,
  how: "push" | "replace" = "replace",
): void {
  const url = new URL(place.value);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  go(url.href, how);
}

/** Links within the pages do not load them again. */
export function followLinks(): void {
  addEventListener("popstate", () => place.value = new URL(location.href));
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
