/** Rows of actors in, records out. */
import type { PatchStep } from "../core/actor/mod.ts";
import type { Json } from "../core/json.ts";
import type {
  ActorLine,
  ActorRow,
  ActorStatus,
  ActorView,
  Letterbox,
  MailFate,
  MailKind,
  PastStep,
} from "./actor_records.ts";
import type { Row } from "./database.ts";

function shape<T>(row: Row): T {
  return row as T;
}

/** JSON as text, so that the driver does not parse what nobody may read. */
function json(text: string | null): Json {
  return text === null ? null : JSON.parse(text);
}

interface Named {
  t: string;
  i: string;
  uid: string;
  root_id: string;
  parent_id: string | null;
  machine: string;
  root_machine: string;
  machine_version: string;
  machine_hash: string;
  status: ActorStatus;
  state: string;
  v: number;
  snapshot: string | null;
}

function toNamed(r: Named) {
  return {
    tenantId: r.t,
    id: r.i,
    uid: r.uid,
    rootId: r.root_id,
    parentId: r.parent_id,
    machine: r.machine,
    rootMachine: r.root_machine,
    machineVersion: r.machine_version,
    machineHash: r.machine_hash,
    status: r.status,
    state: r.state,
    version: r.v,
    snapshot: json(r.snapshot),
  };
}

/** actor_claim.sql and actor_read.sql */
export function toActorView(row: Row): ActorView {
  const r = shape<
    Named & {
      is_new_day: boolean;
      registry: string | null;
      mail: string | null;
      known?: string | null;
    }
  >(row);
  return {
    ...toNamed(r),
    isNewDay: r.is_new_day,
    registry: (json(r.registry) ?? {}) as Record<string, string>,
    mail:
      ((json(r.mail) ?? []) as [string, MailKind, boolean, number | null, string | null, Json][])
        .map(toLetter),
    known: r.known ?? null,
  };
}

function toLetter(
  [id, kind, deferred, gen, sender, body]: [
    string,
    MailKind,
    boolean,
    number | null,
    string | null,
    Json,
  ],
): Letterbox {
  return { id, kind, deferred, gen, sender, body };
}

/** actor_get.sql */
export function toActorRow(row: Row): ActorRow {
  const r = shape<
    Named & {
      system_id: string | null;
      tags: string[];
      created_at: Date;
      updated_at: Date;
      fault: string | null;
      input: string | null;
      origin: string | null;
      timers: string | null;
      activities: string | null;
      children: string | null;
    }
  >(row);
  return {
    ...toNamed(r),
    systemId: r.system_id,
    tags: r.tags,
    createdAt: r.created_at.toISOString(),
    updatedAt: r.updated_at.toISOString(),
    fault: json(r.fault),
    input: json(r.input),
    origin: json(r.origin),
    timers: ((json(r.timers) ?? []) as { [key: string]: Json; dueAt: string }[]).map((timer) => ({
      ...timer,
      dueAt: new Date(timer.dueAt).toISOString(),
    })),
    activities: json(r.activities) ?? [],
    children: json(r.children) ?? [],
  };
}

/** actor_list.sql */
export function toActorLine(row: Row): ActorLine {
  const r = shape<{
    t: string;
    i: string;
    parent_id: string | null;
    machine: string;
    machine_version: string;
    status: ActorStatus;
    state: string;
    tags: string[];
    v: number;
    created_at: Date;
    updated_at: Date;
  }>(row);
  return {
    tenantId: r.t,
    id: r.i,
    parentId: r.parent_id,
    machine: r.machine,
    machineVersion: r.machine_version,
    status: r.status,
    state: r.state,
    tags: r.tags,
    version: r.v,
    createdAt: r.created_at.toISOString(),
    updatedAt: r.updated_at.toISOString(),
  };
}

/** actor_history.sql */
export function toPastStep(row: Row): PastStep {
  const r = shape<{
    v: number;
    at: Date;
    event: string;
    from_state: string | null;
    to_state: string;
    status: ActorStatus;
    tags: string[];
    outcome: string;
    reason: string | null;
    cause: string | null;
    worker: string | null;
    mail_id: string | null;
    machine_version: string;
    body: string | null;
    effects: string | null;
    patch: string | null;
    snapshot: string | null;
  }>(row);
  return {
    version: r.v,
    at: r.at.toISOString(),
    event: r.event,
    from: r.from_state,
    to: r.to_state,
    status: r.status,
    tags: r.tags,
    outcome: r.outcome,
    reason: r.reason,
    cause: r.cause,
    worker: r.worker,
    mailId: r.mail_id,
    machineVersion: r.machine_version,
    body: json(r.body),
    effects: json(r.effects),
    patch: json(r.patch) as readonly PatchStep[] | null,
    snapshot: json(r.snapshot),
  };
}

/** actor_mail.sql */
export function toFateOfMail(row: Row): MailFate {
  const r = shape<{
    v: number | null;
    outcome: string | null;
    reason: string | null;
    deferred: boolean | null;
    status: ActorStatus;
    w: boolean;
  }>(row);
  return {
    version: r.v,
    outcome: r.outcome,
    reason: r.reason,
    deferred: r.deferred ?? false,
    status: r.status,
    waits: r.w,
  };
}
