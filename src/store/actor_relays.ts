/** Relays as the parameters of actor_relay.sql. */
import { stateCode } from "../core/codes.ts";
import { laneKey } from "../core/lane.ts";
import { GRACE_MS, limits } from "../core/limits.ts";
import type { Relay, Start } from "./actor_records.ts";
import { beginsWhole, jsonText, partsOf, stepColumns, texts } from "./actor_turns.ts";
import type { Parameter } from "./database.ts";
import { column, jsonLines, quoted, quotedJson, repeated } from "./literal.ts";

/** The parameters that commit `relays`, in this order. @param relays At least one. */
export function relayParameters(
  { leaseId, worker, leaseMs, gateChange }: Omit<Start, "jobs">,
  relays: readonly [Relay, ...Relay[]],
): Parameter[] {
  const { decision } = relays[0].end;
  const leases = [...new Set(relays.map(({ end }) => end.leaseId))];
  const numbers = new Map(leases.map((lease, index) => [lease, index + 1]));
  const turns = relays.map(({ turn }) => turn);
  const isLarge = ({ end }: Relay) => (end.output?.length ?? 0) > limits.inlineBytesMax;
  return [
    column(leases, (lease) => lease),
    stateCode(decision.from),
    stateCode(decision.to),
    worker,
    leaseId,
    leaseMs,
    GRACE_MS,
    column(turns, repeated((turn) => turn.tenantId, quoted)),
    column(turns, (turn) => quoted(turn.id)),
    column(turns, (turn) => turn.expected),
    column(turns, (turn) => turn.version),
    column(turns, (turn) => turn.status),
    column(turns, (turn) => quoted(turn.state)),
    column(turns, (turn) => texts(turn.tags)),
    jsonLines(turns, (turn) => jsonText(turn.snapshot)),
    column(turns, beginsWhole),
    column(relays, ({ end }) => end.id),
    column(relays, ({ end }) => end.version),
    column(relays, ({ end }) => numbers.get(end.leaseId) ?? 0),
    jsonLines(relays, (relay) => isLarge(relay) ? null : outputOf(relay)),
    jsonLines(relays, (relay) => isLarge(relay) ? outputOf(relay) : null),
    ...stepColumns(partsOf(turns, (turn) => turn.steps)),
    ...startColumns(relays),
    gateChange,
  ];
}

/** No output is read as `null`: so that is not written. */
function outputOf({ end: { output } }: Relay): string | null {
  return output === "null" ? null : output;
}

function startColumns(relays: readonly Relay[]): Parameter[] {
  const parts = partsOf(
    relays.map(({ turn }) => turn),
    ({ jobs, activities }) =>
      jobs.map((job) => ({ job, activity: activities.find(({ jobId }) => jobId === job.id) })),
  );
  type Started = (typeof parts)[number];
  const isLarge = ({ of: { job } }: Started) => job.payloadJson.length > limits.inlineBytesMax;
  const payloadOf = ({ of: { job } }: Started) => job.payloadJson;
  return [
    column(parts, ({ k }) => k),
    column(parts, ({ of: { job } }) => job.id),
    column(parts, ({ of: { job } }) => laneKey(job)),
    column(parts, ({ of: { job } }) => quoted(job.queue)),
    column(parts, ({ of: { job } }) => quoted(job.type)),
    column(parts, ({ of: { job } }) => job.maxAttempts),
    column(parts, ({ of: { job } }) => job.maxCrashes),
    column(parts, ({ of: { job } }) => job.timeoutMs),
    jsonLines(parts, (part) => isLarge(part) ? null : payloadOf(part)),
    jsonLines(parts, (part) => isLarge(part) ? payloadOf(part) : null),
    column(parts, ({ of: { job } }) => quotedJson(job.metadataJson ?? "null")),
    column(parts, ({ of: { activity } }) => quoted(activity?.childId ?? "")),
    column(parts, ({ of: { activity } }) => activity?.gen ?? 0),
    column(parts, ({ of: { activity } }) => quoted(activity?.src ?? "")),
    column(parts, ({ of: { activity } }) => activity?.parks ?? false),
  ];
}
