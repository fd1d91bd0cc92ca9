/** What the API counts of its requests: by method and class of status, nothing that a client can name. */
import type { ErrorCode } from "../core/errors.ts";
import type { Clock } from "../core/clock.ts";
import { Histogram, WORK_SECONDS } from "../runtime/histogram.ts";

const EVENTS = /\/jobs\/[^/]+\/events$/;
const METHODS = new Set(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]);

/** Requests of one method that were answered in one class. */
export interface Requests {
  readonly method: string;
  /** `2xx` to `5xx`. */
  readonly status: string;
  readonly time: Histogram;
}

/** All requests of a process. */
export class HttpStats {
  readonly #clock: Clock;
  readonly #known = new Map<string, Requests>();
  readonly #refusedEvents = new Map<ErrorCode, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get all(): Iterable<Requests> {
    return this.#known.values();
  }

  /** Events for a job that were refused, by code: late, doubled, forged and too large ones among them. */
  get refusedEvents(): ReadonlyMap<ErrorCode, number> {
    return this.#refusedEvents;
  }

  /** Counts a request that was answered with a problem. */
  refused({ method, path, code }: { method: string; path: string; code: ErrorCode }): void {
    if (method !== "POST" || !EVENTS.test(path)) return;
    this.#refusedEvents.set(code, (this.#refusedEvents.get(code) ?? 0) + 1);
  }

  /** Counts the answers of a handler; of a stream, the time to its first byte. */
  counting(
    serve: (request: Request) => Response | Promise<Response>,
  ): (request: Request) => Promise<Response> {
    return async (request) => {
      const startedAt = this.#clock.monotonic();
      const response = await serve(request);
      this.#of(request.method, response.status).observe(
        (this.#clock.monotonic() - startedAt) / 1000,
      );
      return response;
    };
  }

  #of(method: string, status: number): Histogram {
    const known = METHODS.has(method) ? method : "other";
    const key = `${known} ${Math.floor(status / 100)}xx`;
    const requests = this.#known.get(key) ?? {
      method: known,
      status: `${Math.floor(status / 100)}xx`,
      time: new Histogram(WORK_SECONDS),
    };
    this.#known.set(key, requests);
    return requests.time;
  }
}
