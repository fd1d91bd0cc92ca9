/** The API on a real database, and what its tests ask of every answer. */
import { assert, assertEquals } from "@std/assert";
import { allHandlers } from "../../handlers/mod.ts";
import type { JobState } from "../../machines/job.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createApp } from "../../src/http/app.ts";
import { problems } from "../../src/http/problem.ts";
import { indexHandlers } from "../../src/runtime/handlers.ts";
import { Actors } from "../../src/runtime/actors.ts";
import { machinesOf } from "../../src/cli/actors.ts";
import { Jobs } from "../../src/runtime/jobs.ts";
import { leaveJob } from "../../src/runtime/leaving.ts";
import { Turner } from "../../src/runtime/turner.ts";
import type { Store } from "../../src/store/store.ts";
import { uiRoutes } from "../../src/ui/routes.ts";
import { MachineBook } from "../../src/ui/machine_book.ts";
import { Stream } from "../../src/ui/stream.ts";
import { changeFor, claimAll } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

/** An answer, read. `body` is empty when there is none. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** What `request` takes beside method and path. */
export interface RequestOptions {
  /** Sent as it is. */
  readonly body?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Requests to one app. */
export interface Client {
  readonly jobs: Jobs;
  /** Makes the turns of actors that the routes do not. */
  readonly turner: Turner;
  request(method: string, path: string, options?: RequestOptions): Promise<Reply>;
  get(path: string): Promise<Reply>;
  /** Answers a request as a server would hand it over. */
  serve(request: Request): Response | Promise<Response>;
  /** The bare response. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  post(path: string, json: unknown, headers?: Readonly<Record<string, string>>): Promise<Reply>;
}

/** The API of one database. */
export interface Api extends Client, AsyncDisposable {
  readonly db: TestDatabase;
}

/** Opens the API on a database of its own; `withUi`: with charts, stream and pages, as `api` has it. */
export async function testApi({ withUi = false } = {}): Promise<Api> {
  const db = await testDatabase();
  return {
    db,
    ...clientOf(db.store, withUi),
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  };
}

/** Requests to the API on a store. */
export function clientOf(store: Store, withUi = false): Client {
  const email = { smtpUrl: null, outboxDir: "/dev/null", from: "test@localhost" };
  const jobs = new Jobs({
    store,
    handlers: indexHandlers(
      allHandlers({
        debug: true,
        email,
        report: { reportsDir: "/dev/null" },
        http: { allowedHosts: [] },
      }),
    ),
    clock: systemClock,
    defaults: {
      maxAttempts: 3,
      maxCrashes: 3,
      backoff: { baseMs: 1000, factor: 2, capMs: 300_000 },
    },
  });
  const { defaults } = jobs.host;
  const cancelJob = (tenantId: string, id: string) =>
    leaveJob({ store, clock: systemClock }, tenantId, id);
  const machines = machinesOf(false);
  const host = { store, clock: systemClock, machines, defaults, cancelJob };
  const turner = new Turner(host);
  const actors = new Actors(host, turner);
  const app = createApp({ jobs, actors, isWritable: () => store.isWritable() });
  if (withUi) {
    const book = new MachineBook(machines);
    const admit = () => Promise.resolve({ tenantId: null, may: () => true });
    const stream = new Stream({ jobs, actors });
    const within: Store["within"] = (tenantId, work) => store.within(tenantId, work);
    const pages = { stream, machines: book, admit, assets: null, signIn: null, store: store.ui };
    app.route("/", uiRoutes({ ...pages, within }));
  }
  const request: Client["request"] = async (method, path, { body, json, headers = {} } = {}) => {
    const sent = json === undefined ? body : JSON.stringify(json);
    const type = json === undefined ? {} : { "content-type": "application/json" };
    const init = { method, body: sent ?? null, headers: { ...type, ...headers } };
    const response = await app.request(path, init);
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === "" ? {} : JSON.parse(text),
    };
  };
  return {
    jobs,
    turner,
    request,
    get: (path) => request("GET", path),
    serve: (request) => app.fetch(request),
    fetch: async (path, init) => await app.request(path, init),
    post: (path, json, headers = {}) => request("POST", path, { json, headers }),
  };
}

/** Asserts a problem document: media type, the fixed members, and status and title of its code. */
export function assertProblem(reply: Reply, status: number, code: keyof typeof problems): void {
  const { headers, body } = reply;
  assertEquals([reply.status, body.code], [status, code], JSON.stringify(body));
  assertEquals(headers.get("content-type"), "application/problem+json");
  assertEquals([body.status, body.title], [status, problems[code].title]);
  assertEquals(body.type, `/problems/${code.replaceAll("_", "-")}`);
  assert(typeof body.instance === "string" && body.instance.startsWith("/"));
}

/** The paths of the errors of an `invalid_input`. */
export function errorPaths(reply: Reply): unknown[] {
  const { errors } = reply.body;
  assert(Array.isArray(errors), JSON.stringify(reply.body));
  for (const { message } of errors) assert(typeof message === "string" && message !== "");
  return errors.map(({ path }) => path);
}

/** Text of a body's member. */
export function textOf(value: unknown): string {
  assert(typeof value === "string", `${JSON.stringify(value)} is not a text`);
  return value;
}

/** Items of a list. */
export function itemsOf(reply: Reply): Record<string, unknown>[] {
  const { items } = reply.body;
  assert(Array.isArray(items), JSON.stringify(reply.body));
  return items;
}

/** Jobs of all states: what must not change when a request is refused. */
export async function countJobs(api: Client): Promise<number> {
  const { body } = await api.get("/admin/metrics");
  assert(typeof body.states === "object" && body.states !== null);
  return Object.values(body.states).reduce((sum, count) => sum + count, 0);
}

const AN_HOUR_MS = 3_600_000;

/** A job brought to a state by what brings real ones there; gives its id. */
export async function jobIn(
  api: Api,
  state: JobState,
  job: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const delayMs = state === "scheduled" ? AN_HOUR_MS : 0;
  const made = await api.post("/jobs", { type: "debug.noop", delayMs, ...job });
  assertEquals(made.status, 201, JSON.stringify(made.body));
  const id = textOf(made.body.id);
  if (state === "cancelled") await api.post(`/jobs/${id}/events`, { type: "CANCEL" });
  if (!["pending", "scheduled", "cancelled"].includes(state)) await run(api.db.store, id, state);
  assertEquals((await api.get(`/jobs/${id}`)).body.state, state);
  return id;
}

/** Plays the worker: claims the job, and ends its attempt. */
async function run(store: Store, id: string, state: JobState): Promise<void> {
  const claimed = (await claimAll(store, 1000)).find((job) => job.id === id);
  assert(claimed, "the job was not claimed");
  const when = { delayMs: AN_HOUR_MS };
  const ends = {
    succeeded: { type: "SUCCEED" },
    retry: { type: "FAIL", retryable: true, when },
    dead_letter: { type: "FAIL", retryable: false, when },
  } as const;
  if (state === "running") return;
  assert(state in ends && state !== "pending" && state !== "scheduled" && state !== "cancelled");
  assertEquals(await store.commit(null, [changeFor(claimed, ends[state])]), []);
}
