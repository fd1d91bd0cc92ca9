/**
 * A client of the HTTP API for anything with `fetch`: Deno, Node, Bun, browsers, workers. It has no
 * dependencies; what it knows of jobs and actors are types, those of your program if you name them.
 */
import type { JobEventType } from "../../machines/job.ts";
import { systemClock } from "../core/clock.ts";
import type { Transition } from "../core/job.ts";
import type { TypedActors } from "../library/typed_actors.ts";
import type { Reason } from "../runtime/explain.ts";
import { type ClientActors, clientActors, clientActorsOf } from "./actors.ts";
import type {
  JobIn,
  JobOptions,
  JobResource,
  MachineNamed,
  MachineNameIn,
  OutputIn,
  PayloadIn,
  Program,
  TypeIn,
} from "./program.ts";
import { type ClientOptions, pieceOf, Transport, WAIT_MS, WAIT_MS_MAX } from "./transport.ts";

export { ProblemError } from "./transport.ts";
export type { ClientOptions } from "./transport.ts";
export type { ClientActors } from "./actors.ts";
export type {
  JobIn,
  JobOptions,
  JobResource,
  MachineIn,
  MachineNamed,
  MachineNameIn,
  OutputIn,
  PayloadIn,
  Program,
  TypeIn,
} from "./program.ts";
export type { JobEventType, JobState } from "../../machines/job.ts";
export type { PatchStep } from "../core/actor/mod.ts";
export type { Backoff } from "../core/backoff.ts";
export type { JobError } from "../core/failure.ts";
export type { Job, NewJobInput, Transition } from "../core/job.ts";
export type { Answered, Json } from "../core/json.ts";
export type { Reason } from "../runtime/explain.ts";
export type { Actor, ActorStatus, ActorTransition } from "../runtime/actor_view.ts";
export type { BranchOptions } from "../runtime/branching.ts";
export type {
  ActorAim,
  EventResult,
  SendEventOptions,
  StartOptions,
  Until,
  WaitForOptions,
} from "../runtime/actors.ts";
export type {
  ActorCalls,
  ActorControls,
  ActorOf,
  AimOptions,
  AnyEvent,
  EventOf,
  EventResultOf,
  ForkOptions,
  HistoryOptions,
  InputOf,
  OfTenant,
  SendOptions,
  StartArguments,
  StartedOf,
  Stored,
  TypedActors,
  TypedStart,
} from "../library/typed_actors.ts";

/** An event for a job: its type, and what it carries. */
export interface JobMessage {
  readonly type: JobEventType;
  readonly [field: string]: unknown;
}

const ENDED = ["succeeded", "dead_letter", "cancelled"];
const POLL_MS_MAX = 2_000;

/**
 * Makes a client. Name the program to have its types, of `import type` alone:
 * `createClient<typeof program>({ url })`, where `program` is `{ handlers, machines }`, as given to
 * `createRuntime`.
 */
export function createClient<P extends Program = Program>(options: ClientOptions): Client<P> {
  return new Client(options);
}

/** Calls of the API. All throw `ProblemError`, and what `fetch` throws when nobody answers. */
export class Client<P extends Program = Program> {
  /** Actors of every machine. */
  readonly actors: ClientActors<P>;
  readonly #transport: Transport;

  constructor(options: ClientOptions) {
    this.#transport = new Transport(options);
    this.actors = clientActors(this.#transport);
  }

  /** The actors of one machine: their input, events, context and output are typed by its chart. */
  actorsOf<Name extends MachineNameIn<P>>(machine: Name): TypedActors<MachineNamed<P, Name>> {
    return clientActorsOf(this.#transport, machine);
  }

  /** Stores a job; a known idempotency key gives its job. */
  enqueue<Type extends TypeIn<P>>(
    type: Type,
    payload: PayloadIn<P, Type>,
    options: JobOptions = {},
  ): Promise<JobResource<OutputIn<P, Type>>> {
    return this.#transport.call("POST", "/jobs", { body: { ...options, type, payload } });
  }

  /** Stores a job and waits for its end, or as long as `timeoutMs`; look at its `state`. */
  async enqueueAndWait<Type extends TypeIn<P>>(
    type: Type,
    payload: PayloadIn<P, Type>,
    { timeoutMs = WAIT_MS, ...options }: JobOptions & { readonly timeoutMs?: number } = {},
  ): Promise<JobResource<OutputIn<P, Type>>> {
    const wait = `${Math.max(1, Math.ceil(pieceOf(timeoutMs) / 1000))}s`;
    const call = { query: { wait }, body: { ...options, type, payload } };
    const job = await this.#transport.call<JobResource<OutputIn<P, Type>>>("POST", "/jobs", call);
    const isOver = ENDED.includes(job.state) || !(timeoutMs > WAIT_MS_MAX);
    return isOver ? job : await this.wait<Type>(job.id, timeoutMs - WAIT_MS_MAX);
  }

  /** Stores many jobs in order, all or none; gives their ids. */
  async enqueueMany(jobs: readonly JobIn<P>[]): Promise<readonly string[]> {
    const call = { body: { jobs } };
    return (await this.#transport.call<{ ids: string[] }>("POST", "/jobs/batch", call)).ids;
  }

  /** One job, in whatever state. As `get<"mail">(id)` its output is that of the type. */
  get<Type extends TypeIn<P> = never>(id: string): Promise<JobResource<OutputIn<P, Type>>> {
    return this.#transport.call("GET", pathOf(id));
  }

  /** The job when it has ended, or as it is after `timeoutMs`. As `wait<"mail">(id)` typed like `get`. */
  async wait<Type extends TypeIn<P> = never>(
    id: string,
    timeoutMs = WAIT_MS,
  ): Promise<JobResource<OutputIn<P, Type>>> {
    const until = systemClock.monotonic() + timeoutMs;
    for (let pauseMs = 50;; pauseMs = Math.min(pauseMs * 2, POLL_MS_MAX)) {
      const job = await this.get<Type>(id);
      const leftMs = until - systemClock.monotonic();
      // Asked this way round, a time that is no number is none.
      if (ENDED.includes(job.state) || !(leftMs > 0)) return job;
      await new Promise((done) => setTimeout(done, Math.min(pauseMs, leftMs)));
    }
  }

  /** The history, up to 1,000 steps. */
  async transitions(id: string): Promise<readonly Transition[]> {
    const path = pathOf(id, "/transitions?limit=1000");
    return (await this.#transport.call<{ items: readonly Transition[] }>("GET", path)).items;
  }

  /** Why it does not run, in the order in which the reasons would have to go away. */
  async explain(id: string): Promise<readonly Reason[]> {
    const path = pathOf(id, "/explain");
    return (await this.#transport.call<{ reasons: readonly Reason[] }>("GET", path)).reasons;
  }

  /** Sends an event, at a version if one is named. */
  send(id: string, event: JobMessage, ifVersion?: number): Promise<JobResource> {
    return this.#transport.call("POST", pathOf(id, "/events"), { body: event, ifVersion });
  }

  /** Asks a job to end: one that waits has ended then, one that runs when its handler has stopped. */
  cancel(id: string, reason?: string): Promise<JobResource> {
    return this.send(id, { type: "CANCEL", ...(reason === undefined ? {} : { reason }) });
  }

  /** Brings a job that waits or has ended back to `pending`. */
  retry(id: string): Promise<JobResource> {
    return this.#transport.call("POST", pathOf(id, "/retry"));
  }

  /** The same work once more, as a new job. */
  rerun(id: string): Promise<JobResource> {
    return this.#transport.call("POST", pathOf(id, "/rerun"));
  }
}

/** An id may come from anywhere: it is one part of the path, and leads nowhere else. */
function pathOf(id: string, verb = ""): string {
  return `/jobs/${encodeURIComponent(id)}${verb}`;
}
