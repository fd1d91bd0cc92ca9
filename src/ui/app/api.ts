/** Talks to the API: JSON, and problems as errors. */
import type { Step } from "./lit.ts";
import { type FetchSteps, WINDOW } from "./past.ts";
import { go, partsOf, place } from "./place.ts";
import { Problem } from "./problem.ts";

export { Problem } from "./problem.ts";

/** A page of a list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/** Calls the API. @throws {Problem} */
export async function call<T>(path: string, options: RequestInit = {}): Promise<T> {
  const response = await fetch(path, { ...options, credentials: "same-origin" });
  const isJson = (response.headers.get("content-type") ?? "").includes("json");
  const body = isJson ? await response.json() : await response.text();
  if (response.ok) return body;
  if (response.status === 401) signIn();
  throw new Problem(response.status, isJson ? body : { title: response.statusText });
}

/** Sends JSON. @throws {Problem} */
export function send<T>(
  path: string,
  body: unknown,
  { version, method = "POST" }: { version?: number; method?: string } = {},
): Promise<T> {
  return call(path, {
    method,
    body: JSON.stringify(body),
    headers: {
      "content-type": "application/json",
      ...version === undefined ? {} : { "if-match": `"${version}"` },
    },
  });
}

/** Asks for the steps of a job or an actor, after a version. */
export function stepsOf(path: string, tenantId: string | null = null): FetchSteps {
  return async (cursor) => {
    const query = queryOf({ cursor, limit: WINDOW, tenantId });
    return (await call<Page<Step>>(`${path}/transitions${query}`)).items;
  };
}

/** A path of which each part is escaped. */
export function at(...parts: readonly (string | number)[]): string {
  return `/${parts.map((part) => encodeURIComponent(part)).join("/")}`;
}

/** The address of a page. */
export function ui(...parts: readonly string[]): string {
  return `/ui${at(...parts)}`;
}

/** A query without what is empty. */
export function queryOf(
  words: Readonly<Record<string, string | number | null | undefined>>,
): string {
  const given = Object.entries(words).filter(([, value]) =>
    value !== null && value !== undefined && value !== ""
  );
  return given.length === 0 ? "" : `?${new URLSearchParams(given.map(([k, v]) => [k, String(v)]))}`;
}

function signIn(): void {
  const here = place.peek();
  if (partsOf(here.pathname)[0] === "sign-in") return;
  go(`/ui/sign-in?next=${encodeURIComponent(here.pathname + here.search)}`, "replace");
}
