/** Talks to the API: JSON, problems as errors, the stream, and who it is that talks. */
import { signal } from "@preact/signals";
import type { Step } from "./lit.ts";
import { NEAR } from "./asked_first.ts";
import type { FetchSteps } from "./past.ts";
import { go, partsOf, place } from "./place.ts";
import { Problem } from "./problem.ts";

export { Problem } from "./problem.ts";

/** An early answer is as good as a new one for so long: what has happened since, the stream tells. */
const KEPT_MS = 3_000;

/** A page of a list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/** What has been asked before its page was gone to, by path. */
const early = new Map<string, Promise<never>>();

/** Asks for what a page shows first: what it is about, its steps, and the chart that these are lit on. */
export function askEarly(path: string, tenantId: string | null): void {
  const about = ask(path + queryOf({ tenantId }));
  void ask(stepsPath(path, { last: NEAR, tenantId }));
  about.then(({ machine = "job", machineVersion }) => ask(chartOf(machine, machineVersion)))
    .then((chart) => ask(pictureOf(chart)))
    .catch(() => {});
}

function ask(path: string): Promise<never> {
  const known = early.get(path);
  if (known) return known;
  const answer = call<never>(path);
  early.set(path, answer);
  const forget = () => early.delete(path);
  // What is refused now may be had when the link is followed.
  answer.catch(forget);
  setTimeout(forget, KEPT_MS);
  return answer;
}

/** Where the chart of a version is; null or none: of the latest. */
export function chartOf(machine: string, version?: string | null): string {
  return at("machines", machine) + queryOf({ version });
}

/** A chart that has a picture. */
interface Drawn {
  readonly id: string;
  readonly version: string | null;
  readonly hash: string;
}

/** Where its picture is: the address has its hash, so that it is fetched once. */
export function pictureOf({ id, version, hash }: Drawn): string {
  return at("machines", id, "chart.svg") + queryOf({ version, hash });
}

/** Calls the API, unless it has been asked early: for what a page asks first. @throws {Problem} */
export function callFirst<T>(path: string, options?: RequestInit): Promise<T> {
  const again = () => call<T>(path, options);
  const answer = early.get(path)?.catch(again);
  early.delete(path);
  return answer ?? again();
}

/** Calls the API. @throws {Problem} */
export async function call<T>(path: string, options: RequestInit = {}): Promise<T> {
  const response = await fetch(path, { ...options, credentials: "same-origin" }).catch(unreached);
  const isJson = (response.headers.get("content-type") ?? "").includes("json");
  const body = isJson ? await response.json() : await response.text();
  if (response.ok) return body;
  if (response.status === 401) signIn();
  throw new Problem(response.status, isJson ? body : { title: response.statusText });
}

/** Each browser has words of its own for this. */
function unreached(error: unknown): never {
  throw error instanceof TypeError
    ? new TypeError("The server cannot be reached; the page catches up when it is back.")
    : error;
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

/** Asks for steps of a job or an actor. */
export function stepsOf(path: string, tenantId: string | null = null): FetchSteps {
  return async (after, most) => {
    const where = after === null ? { last: most } : { cursor: after, limit: most };
    return (await callFirst<Page<Step>>(stepsPath(path, { ...where, tenantId }))).items;
  };
}

function stepsPath(path: string, query: Parameters<typeof queryOf>[0]): string {
  return `${path}/transitions${queryOf(query)}`;
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

/** What the server says of the one who looks. */
export interface Session {
  /** `none`: nobody signs in here. */
  readonly auth: "none" | "keys";
  readonly name: string | null;
  readonly tenantId: string | null;
  readonly scopes: { readonly read: boolean; readonly write: boolean; readonly admin: boolean };
}

/** Null until it is known: nothing is offered before. */
export const session = signal<Session | null>(null);

/** Asks the server. */
export async function loadSession(): Promise<void> {
  try {
    session.value = await call<Session>("/ui/session");
  } catch {
    session.value = null;
  }
}

/** Whether controls of a kind are shown. */
export function may(scope: "write" | "admin"): boolean {
  return session.value?.scopes[scope] ?? false;
}

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
