/**
 * A client of the HTTP API for anything with `fetch`: Deno, Node, Bun, browsers, workers. It has no
 * dependencies; what it knows of jobs are types.
 */
import type { Job, Transition } from "../core/job.ts";

/** What the API gives of a job. */
export interface JobResource extends Omit<Job, "leaseId"> {
  /** Events that a client may send now. */
  readonly accepts: readonly string[];
}

/** Where the API is, and how to get in. */
export interface ClientOptions {
  /** For example `http://127.0.0.1:8000`; may end in a path. */
  readonly url: string;
  /** An API key, when AUTH=keys. */
  readonly key?: string;
  /** Default: the platform's. */
  readonly fetch?: typeof fetch;
}

/** The options of `POST /jobs`, beside type and payload. */
export type JobOptions = Readonly<Record<string, unknown>>;

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

const ENDED = ["succeeded", "dead_letter", "cancelled"];
const POLL_MS_MAX = 2_000;

/** Makes a client. */
export function createClient(options: ClientOptions): Client {
  return new Client(options);
}

/** Calls of the API. All throw `ProblemError`, and what `fetch` throws when nobody answers. */
export class Client {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #fetch: typeof fetch;

  constructor({ url, key, fetch: given }: ClientOptions) {
    this.#url = url.replace(/\/+$/, "");
    this.#headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
    this.#fetch = given ?? ((input, init) => fetch(input, init));
  }

  /** Stores a job; a known idempotency key gives its job. */
  async enqueue(type: string, payload: unknown, options: JobOptions = {}): Promise<JobResource> {
    return await this.#job("POST", "/jobs", { ...options, type, payload });
  }

  /** Stores a job and waits for its end, 60 s at most; look at its `state`. */
  async enqueueAndWait(
    type: string,
    payload: unknown,
    options: JobOptions & { readonly timeoutMs?: number } = {},
  ): Promise<JobResource> {
    const { timeoutMs = 30_000, ...rest } = options;
    const seconds = Math.min(60, Math.max(1, Math.ceil(timeoutMs / 1000)));
    return await this.#job("POST", `/jobs?wait=${seconds}s`, { ...rest, type, payload });
  }

  /** Stores many jobs in order, all or none; gives their ids. */
  async enqueueMany(jobs: readonly JobOptions[]): Promise<readonly string[]> {
    const { ids } = await this.#call<{ ids: readonly string[] }>("POST", "/jobs/batch", { jobs });
    return ids;
  }

  /** One job, in whatever state. */
  get(id: string): Promise<JobResource> {
    return this.#job("GET", `/jobs/${id}`);
  }

  /** The job when it has ended, or as it is after pauses of `timeoutMs` together. */
  async wait(id: string, timeoutMs = 30_000): Promise<JobResource> {
    let leftMs = timeoutMs;
    for (let pauseMs = 50;; pauseMs = Math.min(pauseMs * 2, POLL_MS_MAX)) {
      const job = await this.get(id);
      if (ENDED.includes(job.state) || leftMs <= 0) return job;
      const restMs = Math.min(pauseMs, leftMs);
      leftMs -= restMs;
      await new Promise((done) => setTimeout(done, restMs));
    }
  }

  /** The history, up to 1,000 steps. */
  async transitions(id: string): Promise<readonly Transition[]> {
    const path = `/jobs/${id}/transitions?limit=1000`;
    return (await this.#call<{ items: readonly Transition[] }>("GET", path)).items;
  }

  /** Sends an event, at a version if one is named. */
  send(id: string, event: JobOptions, ifVersion?: number): Promise<JobResource> {
    const headers = ifVersion === undefined ? {} : { "if-match": `"${ifVersion}"` };
    return this.#job("POST", `/jobs/${id}/events`, event, headers);
  }

  /** Asks a job to end: one that waits has ended then, one that runs when its handler has stopped. */
  cancel(id: string, reason?: string): Promise<JobResource> {
    return this.send(id, { type: "CANCEL", ...(reason === undefined ? {} : { reason }) });
  }

  /** Brings a job that waits or has ended back to `pending`. */
  retry(id: string): Promise<JobResource> {
    return this.#job("POST", `/jobs/${id}/retry`);
  }

  /** The same work once more, as a new job. */
  rerun(id: string): Promise<JobResource> {
    return this.#job("POST", `/jobs/${id}/rerun`);
  }

  #job(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<JobResource> {
    return this.#call<JobResource>(method, path, body, headers);
  }

  async #call<T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    const json = body === undefined ? {} : { "content-type": "application/json" };
    const response = await this.#fetch(`${this.#url}${path}`, {
      method,
      headers: { ...this.#headers, ...json, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new ProblemError(response.status, answer);
    return answer;
  }
}
