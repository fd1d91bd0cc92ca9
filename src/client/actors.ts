/** Actors by the API: the calls that the library has, under their names. */
import type { MachineDefinition } from "../core/actor/mod.ts";
import {
  type ActorCalls,
  type ActorOf,
  HISTORY_STEPS,
  type OfTenant,
  type SendOptions,
  type StartArguments,
  type StartedOf,
  type TypedActors,
} from "../library/typed_actors.ts";
import type { MachineIn, MachineNamed, MachineNameIn, Program } from "./program.ts";
import type { Call, Transport } from "./transport.ts";

/** The most that one request may wait. */
const WAIT_MS_MAX = 60_000;
const WAIT_MS = 30_000;

/** Actors of every machine. All throw `ProblemError`. */
export interface ClientActors<P extends Program = Program> extends ActorCalls<MachineIn<P>> {
  /** Starts an actor of a machine; once per id. The same id and input again give the one that is there. */
  start<Name extends MachineNameIn<P>>(
    machine: Name,
    ...options: StartArguments<MachineNamed<P, Name>>
  ): Promise<StartedOf<MachineNamed<P, Name>>>;
}

/** The actors behind an API. */
export function clientActors<P extends Program>(transport: Transport): ClientActors<P> {
  return {
    ...callsOf<MachineIn<P>>(transport),
    start: (machine, ...[options]) => start(transport, machine, options),
  };
}

/** Those of one machine. */
export function clientActorsOf<D extends MachineDefinition>(
  transport: Transport,
  machine: D["name"],
): TypedActors<D> {
  return {
    ...callsOf<D>(transport),
    start: (...[options]) => start(transport, machine, options),
  };
}

async function start<D extends MachineDefinition>(
  transport: Transport,
  machine: string,
  options: object = {},
): Promise<StartedOf<D>> {
  const body = { ...options, machine };
  const answer = await transport.answer<ActorOf<D>>("POST", "/actors", { body });
  return { actor: answer.body, created: answer.status === 201 };
}

function callsOf<D extends MachineDefinition>(transport: Transport): ActorCalls<D> {
  const call = <T>(method: string, id: string, verb: string, given: Call) =>
    transport.call<T>(method, `/actors/${encodeURIComponent(id)}${verb}`, given);
  const send: ActorCalls<D>["send"] = (id, event, options) =>
    call("POST", id, "/events", sent(event, options));
  return {
    send,
    ask: send,
    async post(id, event, options) {
      const given = sent(event, options, true);
      return (await call<{ mailId: string }>("POST", id, "/events", given)).mailId;
    },
    get: (id, { tenantId, version } = {}) => call("GET", id, "", { query: { tenantId, version } }),
    async wait(id, until, { tenantId, timeoutMs = WAIT_MS, signal } = {}) {
      const wanted = textOf(until);
      try {
        for (let leftMs = Math.max(0, timeoutMs);; leftMs -= WAIT_MS_MAX) {
          const timeoutMs = Math.ceil(Math.min(leftMs, WAIT_MS_MAX));
          const query = { tenantId, timeoutMs, until: wanted };
          const actor = await call<ActorOf<D> | null>("GET", id, "/wait", { query, signal });
          // Between two questions a state may be passed through; an end is still there.
          if (actor !== null || wanted !== "done" || leftMs <= WAIT_MS_MAX) return actor;
        }
      } catch (error) {
        if (signal?.aborted) return null;
        throw error;
      }
    },
    async history(id, { tenantId, after, limit = HISTORY_STEPS } = {}) {
      const stretch = after === null ? { last: limit } : { limit, cursor: after };
      const query = { tenantId, ...stretch };
      return (await call<Page>("GET", id, "/transitions", { query })).items;
    },
    async explain(id, { tenantId } = {}) {
      return (await call<Reasons>("GET", id, "/explain", { query: { tenantId } })).reasons;
    },
    cancel: (id, reason, { tenantId }: OfTenant = {}) =>
      call("POST", id, "/cancel", { query: { tenantId }, body: { reason } }),
  };
}

type Page = { readonly items: Awaited<ReturnType<ActorCalls<MachineDefinition>["history"]>> };
type Reasons = { readonly reasons: Awaited<ReturnType<ActorCalls<MachineDefinition>["explain"]>> };

function sent(event: unknown, options: SendOptions = {}, isPost?: boolean): Call {
  const { tenantId, expectVersion, key, timeoutMs } = options;
  const query = { tenantId, timeoutMs, dedupeKey: key, async: isPost };
  return { query, body: event, ifVersion: expectVersion };
}

function textOf(until: Parameters<ActorCalls<MachineDefinition>["wait"]>[1]): string {
  if (typeof until === "string") return until;
  return "tag" in until ? `tag:${until.tag}` : `state:${until.state}`;
}
