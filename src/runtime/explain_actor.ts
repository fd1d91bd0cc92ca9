/**
 * What an actor is waiting for: what keeps it from being stepped first, then what would move it, the
 * soonest first.
 */
import { afterOf } from "../core/actor/after.ts";
import { isRecord } from "../core/actor/envelope.ts";
import type { Clock } from "../core/clock.ts";
import type { ActorRow, ActorView, Store, WorkerRow } from "../store/store.ts";
import { acceptsOf } from "./actor_view.ts";
import { explain, type ExplainHost, type Reason } from "./explain.ts";
import type { Machines } from "./machines.ts";
import { isEnded } from "./place.ts";

const MAIL_MAX = 100;
/** So many of a kind are told one by one; an actor may have begun thousands. */
const TOLD_MAX = 10;
/** Of more children than these a row says nothing; those that somebody has to help come first. */
const CHILDREN_MAX = 100;
const LIVING = ["stalled", "blocked", "paused", "active"];

/** What explaining needs. */
export interface ActorExplainHost {
  readonly store: Store;
  readonly clock: Clock;
  readonly machines: Machines;
  readonly defaults: ExplainHost["defaults"];
}

/** The reasons why an actor is where it is. */
export async function explainActor(row: ActorRow, host: ActorExplainHost): Promise<Reason[]> {
  const { tenantId, id, status } = row;
  if (isEnded(status)) return [because("ended", `The actor has ended as ${status}`)];
  const [view, workers] = await Promise.all([
    host.store.actors.read(tenantId, id, MAIL_MAX, null),
    host.store.workers.list(),
  ]);
  const due = view ? dueReasons(row, view, workers) : [];
  const held = heldReasons(row);
  const waits = status === "active" ? await waitReasons(row, host) : [];
  return [...held, ...due, ...waits];
}

/** It is not stepped at all. */
function heldReasons({ status, fault, updatedAt }: ActorRow): Reason[] {
  const { code = null, message = null } = isRecord(fault) ? fault : {};
  const why = typeof message === "string" ? `: ${message}` : "";
  const what = typeof code === "string" ? ` (${code})` : "";
  if (status === "paused") {
    return [because("paused", `It is paused since ${updatedAt}; it goes on when it is resumed`)];
  }
  if (status === "stalled") {
    return [
      because("stalled", `It stalled since ${updatedAt}${what}${why}; repair it and resume it`),
    ];
  }
  if (status === "blocked") {
    return [because("blocked", `No machine here takes it over${what}${why}`)];
  }
  return [];
}

/** Mail that is due, and whether anybody reads it. */
function dueReasons(
  { rootMachine, machineVersion, status }: ActorRow,
  { mail }: ActorView,
  workers: readonly WorkerRow[],
): Reason[] {
  if (mail.length === 0) return [];
  const count = mail.length >= MAIL_MAX ? `${MAIL_MAX} or more` : String(mail.length);
  const what = mail.length === 1 ? "event waits" : "events wait";
  const reasons = [because("mail_waits", `${count} ${what} to be read`)];
  if (status !== "active") return reasons;
  const alive = workers.filter(({ isAlive }) => isAlive);
  const knowing = alive.filter(({ machines }) =>
    machines.includes(`${rootMachine}@${machineVersion}`)
  );
  if (alive.length === 0) reasons.push(because("no_worker", "No worker is alive"));
  else if (knowing.length === 0) {
    const message = `None of the ${alive.length} workers alive has machine "${rootMachine}" ` +
      `in version "${machineVersion}"`;
    reasons.push(because("no_capable_worker", message));
  }
  return reasons;
}

/** What would move it. */
async function waitReasons(row: ActorRow, host: ActorExplainHost): Promise<Reason[]> {
  const activities = recordsOf(row.activities);
  const told = activities.slice(0, TOLD_MAX).map(({ id, jobId }) =>
    activityReasons(row.tenantId, String(id), String(jobId), host)
  );
  const reasons = [
    ...(await Promise.all(told)).flat(),
    ...moreOf("waits_for_activity", activities.length, "activities"),
    ...childReasons(recordsOf(row.children)),
  ];
  for (const { id, dueAt, to } of recordsOf(row.timers)) {
    const until = new Date(String(dueAt)).toISOString();
    const whom = to === row.id ? "" : ` for "${String(to)}"`;
    const message = `Waits for its timer "${timerName(String(id))}"${whom}`;
    reasons.push(because("waits_for_timer", message, until));
  }
  const events = acceptsOf(row, host.machines);
  if (events.length > 0) {
    const which = events.length === 1 ? "the event" : "one of the events";
    reasons.push(because("waits_for_event", `Waits for ${which} ${events.join(", ")}`));
  }
  return reasons;
}

/** The children that live, first those that somebody has to help. */
function childReasons(children: readonly Record<string, unknown>[]): Reason[] {
  const living = children.filter(({ status }) => LIVING.includes(String(status)))
    .toSorted((a, b) => LIVING.indexOf(String(a.status)) - LIVING.indexOf(String(b.status)));
  const told = living.slice(0, TOLD_MAX).map(({ id, status, state }) => {
    // One that has stalled in its first step is in no state.
    const where = state === "" ? "" : ` in ${String(state)}`;
    const which = `"${String(id)}", which is ${String(status)}${where}`;
    return because("waits_for_child", `Waits for its child ${which}`);
  });
  const isAll = living.length < CHILDREN_MAX;
  return [...told, ...moreOf("waits_for_child", living.length, "children", isAll)];
}

/** How many of a kind are not told of. */
function moreOf(code: string, count: number, what: string, isAll = true): Reason[] {
  const rest = count - TOLD_MAX;
  const many = isAll ? rest : `at least ${rest}`;
  return rest > 0 ? [because(code, `Waits for ${many} more of its ${what}`)] : [];
}

/** `xstate.after.packBy.order.open.packing`: "after packBy in packing"; others as they are. */
function timerName(id: string): string {
  const after = afterOf(id);
  return after ? `${after.words} in ${after.state}` : id;
}

/** The activity, and in turn what its job waits for. */
async function activityReasons(
  tenantId: string,
  childId: string,
  jobId: string,
  host: ActorExplainHost,
): Promise<Reason[]> {
  const job = await host.store.get(tenantId, jobId);
  if (!job) return [];
  const [first] = await explain(job, host);
  const why = first ? ` (${first.code}: ${first.message})` : "";
  const message = job.state === "dead_letter"
    ? `Waits until somebody brings back the dead letter ${jobId} of its activity "${childId}"`
    : `Waits for its activity "${childId}": job ${jobId} is ${job.state}${why}`;
  return [because("waits_for_activity", message, first?.until ?? null)];
}

function recordsOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function because(code: string, message: string, until: string | null = null): Reason {
  return { code, message, until };
}
