/** What the page of an address asks the API for first. */

/** So many steps of a past are enough to look at one of them; the rest of its window follows. */
export const NEAR = 40;

/**
 * Named in the head of its document these come beside its scripts, not after them. Word for word what
 * `app/` asks for: anything else would be fetched for nothing.
 *
 * @param url Of the page: `/ui/…`.
 */
export function askedFirst({ pathname, searchParams }: URL): string[] {
  const session = "/ui/session";
  const [, , page = "", id = ""] = pathname.split("/");
  if (id === "" || (page !== "jobs" && page !== "actors")) return [session];
  const tenantId = page === "actors" ? searchParams.get("tenantId") : null;
  const path = `/${page}/${encodeURIComponent(plain(pathname.split("/").slice(3).join("/")))}`;
  const step = Math.trunc(Number(searchParams.get("step")));
  const steps = step >= 1 ? { cursor: Math.max(0, step - NEAR / 2), limit: NEAR } : { last: NEAR };
  const chart = page === "jobs" ? ["/machines/job"] : [];
  const of = (words: object) => {
    const given = Object.entries({ ...words, ...tenantId ? { tenantId } : {} });
    return given.length === 0 ? "" : `?${new URLSearchParams(given.map(([k, v]) => [k, `${v}`]))}`;
  };
  return [session, path + of({}), `${path}/transitions${of(steps)}`, ...chart];
}

function plain(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
