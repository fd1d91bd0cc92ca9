/** Actors by the API: the calls that the library has, under their names. */
import type { MachineDefinition } from "../core/actor/mod.ts";
import {
  type ActorCalls,
  type ActorControls,
  type ActorOf,
  type AimOptions,
  type EventResultOf,
  HISTORY_STEPS,
  type SendOptions,
  type StartArguments,
  type StartedOf,
  type TypedActors,
} from "../library/typed_actors.ts";
import type { MachineIn, MachineNamed, MachineNameIn, Program } from "./program.ts";
import { type Call, pieceOf, type Transport, WAIT_MS, WAIT_MS_MAX } from "./transport.ts";

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
  const send: ActorCalls<D>["send"] = async (id, event, { timeoutMs = WAIT_MS, ...given } = {}) => {
    // Asked after again, it is the same event by its key.
    const key = given.key ?? (timeoutMs > WAIT_MS_MAX ? newKey() : undefined);
    const { query, ...sending } = sent(event, { ...given, key });
    for (let leftMs = timeoutMs;; leftMs -= WAIT_MS_MAX) {
      const asking = { ...sending, query: { ...query, timeoutMs: pieceOf(leftMs) } };
      const result = await call<EventResultOf<D>>("POST", id, "/events", asking);
      const isLate = result.outcome === "deferred" && result.reason === "timeout";
      if (!isLate || !(leftMs > WAIT_MS_MAX)) return result;
    }
  };
  return {
    ...controlsOf<D>(call),
    send,
    ask: send,
    async post(id, event, options) {
      const { query, ...sending } = sent(event, options);
      const given = { ...sending, query: { ...query, async: true } };
      return (await call<{ mailId: string }>("POST", id, "/events", given)).mailId;
    },
    get: (id, { tenantId, version } = {}) => call("GET", id, "", { query: { tenantId, version } }),
    async wait(id, until, { tenantId, timeoutMs = WAIT_MS, signal } = {}) {
      const wanted = textOf(until);
      try {
        for (let leftMs = timeoutMs;; leftMs -= WAIT_MS_MAX) {
          const query = { tenantId, timeoutMs: pieceOf(leftMs), until: wanted };
          const actor = await call<ActorOf<D> | null>("GET", id, "/wait", { query, signal });
          // Between two questions a state may be passed through; an end is still there.
          if (actor !== null || wanted !== "done" || !(leftMs > WAIT_MS_MAX)) return actor;
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
  };
}

type Send = <T>(method: string, id: string, verb: string, given: Call) => Promise<T>;

function controlsOf<D extends MachineDefinition>(call: Send): ActorControls<D> {
  const control = (id: string, verb: string, aim: AimOptions, body: object) =>
    call<ActorOf<D>>("POST", id, verb, { ...aimed(aim), body });
  return {
    cancel: (id, reason, aim = {}) => control(id, "/cancel", aim, { reason }),
    pause: (id, aim = {}) => control(id, "/pause", aim, {}),
    resume: (id, { skip, ...aim } = {}) => control(id, "/resume", aim, { skip }),
    terminate: (id, reason, aim = {}) => control(id, "/terminate", aim, { reason }),
    fork: (id, { at, activities, timers, name, ...aim }) =>
      control(id, "/fork", aim, { at, activities, timers, as: name }),
    rewind: (id, { at, activities, timers, ...aim }) =>
      control(id, "/rewind", aim, { at, activities, timers }),
  };
}

type Page = { readonly items: Awaited<ReturnType<ActorCalls<MachineDefinition>["history"]>> };
type Reasons = { readonly reasons: Awaited<ReturnType<ActorCalls<MachineDefinition>["explain"]>> };

function sent(event: unknown, { key, ...aim }: SendOptions = {}): Call {
  const { query, ifVersion } = aimed(aim);
  return { query: { ...query, dedupeKey: key }, body: event, ifVersion };
}

function aimed({ tenantId, expectVersion }: AimOptions): Call {
  return { query: { tenantId }, ifVersion: expectVersion };
}

function textOf(until: Parameters<ActorCalls<MachineDefinition>["wait"]>[1]): string {
  if (typeof until === "string") return until;
  return "tag" in until ? `tag:${until.tag}` : `state:${until.state}`;
}

/** As `randomUUID` would make one, which pages that came without TLS do not have. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
