/**
 * Members: jobs that an actor has many of, stored in the transaction that ends the activity which opens
 * them. What no job can be made of is noted there too, and keeps no other item from becoming one.
 */
import { isRecord } from "../core/actor/envelope.ts";
import { LeaseLostError, PerduraError } from "../core/errors.ts";
import { describeError } from "../core/failure.ts";
import type { NewJobInput } from "../core/job.ts";
import { storableText } from "../core/json.ts";
import type { Clock } from "../core/clock.ts";
import type { ClaimedJob, NewMember, RefusedMember, SendStatement, Store } from "../store/store.ts";
import type { HandlerContext } from "./context.ts";
import type { Handlers } from "./handlers.ts";
import { lanesOf, prepareJob, type RetryDefaults } from "./preparing.ts";

/** A job of a `forEach`. It is one of many: keys that may name another job are not for it. */
export interface MemberJob
  extends Omit<NewJobInput, "tenantId" | "idempotencyKey" | "idempotency" | "unique"> {
  /** What the item is called in reports, 200 characters at most. */
  readonly label?: string | undefined;
}

/** Makes the job of an item; what it throws refuses the item. */
export type MakeMember = () => MemberJob;

/** How many items became jobs. */
export interface MemberCounts {
  readonly opened: number;
  readonly refused: number;
}

/** Stores members, and ends the job whose context this is with the output that follows from it. */
export type OpenMembers = <T>(
  items: readonly MakeMember[],
  outputOf: (counts: MemberCounts) => T,
) => Promise<T>;

/** Where Perdura's own activities find it; no handler has to know. */
export const MEMBERS: unique symbol = Symbol("perdura.members");

/** What Perdura itself writes in the transaction of a job, right before its success. */
export type Also = (send: SendStatement) => Promise<void>;

/** A context that can. */
export interface OpensMembers {
  readonly [MEMBERS]: OpenMembers;
}

const LABEL_LENGTH_MAX = 200;
const KEYS = ["tenantId", "idempotencyKey", "idempotency", "unique"];

/** What opens members for the job of a context. @throws {TypeError} */
export function membersOf(context: HandlerContext): OpenMembers {
  if (!isOpener(context)) throw new TypeError("Only a worker of Perdura's can open members");
  return context[MEMBERS];
}

function isOpener(context: HandlerContext): context is HandlerContext & OpensMembers {
  return MEMBERS in context;
}

/** Whether the end of a job is counted for an actor. */
export function isMember({ metadata }: Pick<ClaimedJob, "metadata">): boolean {
  return isRecord(metadata) && typeof metadata.batch === "string";
}

/** What opening needs. */
export interface MemberHost {
  readonly store: Pick<Store, "members" | "hint">;
  readonly handlers: Handlers;
  readonly defaults: RetryDefaults;
  readonly clock: Clock;
}

type Opener = Pick<ClaimedJob, "tenantId" | "id" | "version" | "payload">;

/** Opens members for one worker. */
export class MemberDesk {
  readonly #host: MemberHost;

  constructor(host: MemberHost) {
    this.#host = host;
  }

  /**
   * @param transact Ends the opener with an output; its second argument writes in the same transaction.
   * @throws {LeaseLostError} The actor has left meanwhile, or the opener's lease is over.
   */
  async open<T>(
    opener: Opener,
    items: readonly MakeMember[],
    outputOf: (counts: MemberCounts) => T,
    transact: (output: T, also: Also) => Promise<T>,
  ): Promise<T> {
    const { store } = this.#host;
    const { members, refused } = this.#prepare(opener, items);
    const output = outputOf({ opened: members.length, refused: refused.length });
    const result = await transact(output, async (send) => {
      if (members.length > 0 && !await store.members.insertIn(send, opener, members)) {
        throw new LeaseLostError(opener.id, opener.version);
      }
      if (refused.length > 0) await store.members.refuseIn(send, opener, refused);
    });
    const lanes = lanesOf(members.map(({ row }) => row));
    if (lanes.length > 0) store.hint({ kind: "lanes", lanes });
    return result;
  }

  #prepare(opener: Opener, items: readonly MakeMember[]) {
    const members: NewMember[] = [];
    const refused: RefusedMember[] = [];
    const batch = isRecord(opener.payload) ? String(opener.payload.actor) : "";
    for (const make of items) {
      let label: string | null = null;
      try {
        const { label: given, ...job } = make();
        label = given === undefined ? null : labelOf(given);
        const { row } = prepareJob(this.#host, {
          ...withoutKeys(job),
          tenantId: opener.tenantId,
          metadata: { ...job.metadata, batch },
        }, "");
        members.push({ row, label });
      } catch (error) {
        const at = new Date(this.#host.clock.now());
        const told = describeError(error, at);
        const code = error instanceof PerduraError ? error.code : told.code;
        refused.push({ label, error: { ...told, code, retryable: false } });
      }
    }
    return { members, refused };
  }
}

/** Text that can be stored, whatever the item was. */
function labelOf(given: unknown): string {
  return storableText(String(given), LABEL_LENGTH_MAX);
}

/** A key may have a job already, which is nobody's member. */
function withoutKeys(job: object): object {
  const [key] = KEYS.filter((name) => Reflect.get(job, name) !== undefined);
  if (key !== undefined) throw new TypeError(`A member cannot have "${key}"`);
  return job;
}
