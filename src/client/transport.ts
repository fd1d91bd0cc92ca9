/** How the client speaks to the API: one call, its answer, or the problem that it is. */

/** Where the API is, and how to get in. */
export interface ClientOptions {
  /** For example `http://127.0.0.1:8000`; may end in a path. */
  readonly url: string;
  /** An API key, when AUTH=keys. */
  readonly key?: string;
  /** Default: the platform's. */
  readonly fetch?: typeof fetch;
}

/** An answer that is no success: the problem document of the API. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly status: number;
  /** One of a closed set, such as `invalid_input`. */
  readonly code: string;
  /** The whole document, with `errors`, `accepts`, `limit` and the like. */
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(status: number, problem: Readonly<Record<string, unknown>>) {
    super(String(problem.detail ?? problem.title ?? `Status ${status}`));
    this.status = status;
    this.code = String(problem.code ?? "internal");
    this.problem = problem;
  }
}

/** What a call sends beside its method and path; what is undefined or null is left out. */
export interface Call {
  readonly query?: Readonly<Record<string, string | number | boolean | null | undefined>>;
  readonly body?: unknown;
  /** Only at this version. */
  readonly ifVersion?: number | null | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The most that one request may wait, milliseconds. */
export const WAIT_MS_MAX = 60_000;
/** How long is waited for who says nothing else. */
export const WAIT_MS = 30_000;

/** What one request may wait of the time that is left; a time that is no number is none. */
export function pieceOf(leftMs: number): number {
  return leftMs > 0 ? Math.ceil(Math.min(leftMs, WAIT_MS_MAX)) : 0;
}

/** Makes the calls. */
export class Transport {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #fetch: typeof fetch;

  constructor({ url, key, fetch: given }: ClientOptions) {
    this.#url = url.replace(/\/+$/, "");
    this.#headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
    this.#fetch = given ?? ((input, init) => fetch(input, init));
  }

  /** What it is answered; null where the answer is empty. */
  async call<T>(method: string, path: string, call?: Call): Promise<T> {
    return (await this.answer<T>(method, path, call)).body;
  }

  /** The same, with its status. */
  async answer<T>(
    method: string,
    path: string,
    { query = {}, body, ifVersion, signal }: Call = {},
  ): Promise<{ readonly status: number; readonly body: T }> {
    const asked = Object.entries(query).filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => [name, String(value)]);
    const search = asked.length === 0 ? "" : `?${new URLSearchParams(asked)}`;
    const response = await this.#fetch(`${this.#url}${path}${search}`, {
      method,
      headers: {
        ...this.#headers,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(typeof ifVersion === "number" ? { "if-match": `"${ifVersion}"` } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    const { status, ok } = response;
    const text = await response.text();
    const answer = text === "" ? null : jsonOf(text);
    if (ok && answer !== undefined) return { status, body: answer };
    const detail = `${this.#url} answered ${status} with what is no JSON: is it the API?`;
    throw new ProblemError(status, Object(answer ?? { detail }));
  }
}

/** Undefined: it is none, but the page of something in between. */
function jsonOf(text: string) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
