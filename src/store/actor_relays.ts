/** Relays as the parameters of actor_relay.sql, and what it answers. */
import * as sql from "../../sql/mod.ts";
import { stateCode } from "../core/codes.ts";
import { laneKey } from "../core/lane.ts";
import { GRACE_MS, limits } from "../core/limits.ts";
import type { ActorStep, Relay, Relayed, Start } from "./actor_records.ts";
import { jsonText, texts } from "./actor_turns.ts";
import { toStarted } from "./claimed.ts";
import type { Parameter, Row } from "./database.ts";
import {
  column,
  jsonLines,
  quoted,
  quotedJson,
  quotedOrNull,
  repeated,
  sparseColumn,
} from "./literal.ts";
import { field } from "./rows.ts";

/** One that is written, with what its columns are taken from. */
interface Line extends Relay {
  /** The only one. */
  readonly step: ActorStep;
}

/** Where nothing is large: a part that no row comes to is a tenth of a statement of one relay. */
const smallRelay = sql.actorRelay.replace(/^data as \(.*\n(?: .*\n)*/m, "");

/** The statement that commits `relays`. */
export function relayText(relays: readonly Relay[]): string {
  const hasLarge = relays.some(({ turn: { jobs: [job] }, end }) =>
    isLarge(end.output) || isLarge(job?.payloadJson)
  );
  return hasLarge ? sql.actorRelay : smallRelay;
}

/** The parameters that commit `relays`, in this order. @param relays At least one. */
export function relayParameters(
  { leaseId, worker, leaseMs, gateChange }: Omit<Start, "jobs">,
  relays: readonly [Relay, ...Relay[]],
): Parameter[] {
  const { decision } = relays[0].end;
  const lines = relays.map((relay): Line => ({ ...relay, step: stepOf(relay) }));
  return [
    column([...new Set(relays.map(({ end }) => end.leaseId))], (lease) => lease),
    stateCode(decision.from),
    stateCode(decision.to),
    ...[worker, leaseId, leaseMs, GRACE_MS, gateChange],
    ...turnColumns(lines),
    ...stepColumns(lines),
    ...startColumns(lines),
  ];
}

/** What became of `relays`, which were sent in this order. */
export function relayedOf(
  relays: readonly Relay[],
  leaseId: string,
  row: Row | undefined,
): Relayed[] {
  const [committed, withMail, mailed] = ["committed", "with_mail", "mailed"].map((name) =>
    new Set(row && field<string>(row, name).split(","))
  );
  return relays.map((relay, index): Relayed => {
    const number = String(index + 1);
    const { jobs: [job] } = relay.turn;
    if (committed?.has(number)) {
      const started = job ? toStarted(job, leaseId, row) : null;
      return { relay, outcome: "committed", started, hasMail: withMail?.has(number) ?? false };
    }
    const isMailed = mailed?.has(number) ?? false;
    const outcome = isMailed ? "mailed" : "lost";
    return { relay, outcome, started: null, hasMail: isMailed };
  });
}

function isLarge(json: string | null | undefined): boolean {
  return (json?.length ?? 0) > limits.inlineBytesMax;
}

function stepOf({ turn: { steps: [step, ...others] } }: Relay): ActorStep {
  if (!step || others.length > 0) throw new RangeError("A relay is a turn of one step");
  return step;
}

function turnColumns(lines: readonly Line[]): Parameter[] {
  const isOutputLarge = ({ end }: Line) => isLarge(end.output);
  return [
    column(lines, repeated(({ turn }) => turn.tenantId, quoted)),
    column(lines, ({ turn }) => quoted(turn.id)),
    column(lines, ({ turn }) => turn.expected),
    column(lines, ({ turn }) => turn.status),
    column(lines, repeated(({ turn }) => turn.state, quoted)),
    column(lines, repeated(({ turn }) => turn.tags, texts)),
    jsonLines(lines, ({ turn }) => jsonText(turn.snapshot)),
    column(lines, ({ step }) => step.snapshot !== null),
    column(lines, ({ end }) => end.id),
    column(lines, ({ end }) => end.version),
    jsonLines(lines, (line) => isOutputLarge(line) ? null : outputOf(line)),
    jsonLines(lines, (line) => isOutputLarge(line) ? outputOf(line) : null),
  ];
}

/** No output is read as `null`: so that is not written. */
function outputOf({ end: { output } }: Relay): string | null {
  return output === "null" ? null : output;
}

/** The rest of a step is its turn's. */
function stepColumns(lines: readonly Line[]): Parameter[] {
  return [
    column(lines, repeated(({ step }) => step.event, quoted)),
    sparseColumn(lines, ({ step }) => quotedOrNull(step.from)),
    column(lines, ({ step }) => step.outcome),
    sparseColumn(lines, ({ step }) => quotedOrNull(step.reason)),
    sparseColumn(lines, ({ step }) => quotedOrNull(step.cause)),
    jsonLines(lines, ({ step }) => jsonText(step.body)),
    jsonLines(lines, ({ step }) => jsonText(step.effects)),
    jsonLines(lines, ({ step }) => jsonText(step.patch)),
  ];
}

function startColumns(lines: readonly Line[]): Parameter[] {
  const jobOf = ({ turn: { jobs: [job] } }: Line) => job ?? null;
  const activityOf = ({ turn: { activities: [activity] } }: Line) => activity ?? null;
  const payloadOf = (line: Line) => jobOf(line)?.payloadJson ?? null;
  const text = (value: string | undefined) => value === undefined ? null : quoted(value);
  return [
    sparseColumn(lines, (line) => jobOf(line)?.id ?? null),
    sparseColumn(lines, (line) => {
      const job = jobOf(line);
      return job && laneKey(job);
    }),
    sparseColumn(lines, repeated((line) => jobOf(line)?.queue, text)),
    sparseColumn(lines, repeated((line) => jobOf(line)?.type, text)),
    sparseColumn(lines, (line) => jobOf(line)?.maxAttempts ?? null),
    sparseColumn(lines, (line) => jobOf(line)?.maxCrashes ?? null),
    sparseColumn(lines, (line) => jobOf(line)?.timeoutMs ?? null),
    jsonLines(lines, (line) => isLarge(payloadOf(line)) ? null : payloadOf(line)),
    jsonLines(lines, (line) => isLarge(payloadOf(line)) ? payloadOf(line) : null),
    sparseColumn(lines, (line) => {
      const json = jobOf(line)?.metadataJson ?? null;
      return json === null ? null : quotedJson(json);
    }),
    sparseColumn(lines, (line) => text(activityOf(line)?.childId)),
    sparseColumn(lines, (line) => activityOf(line)?.gen ?? null),
    sparseColumn(lines, repeated((line) => activityOf(line)?.src, text)),
    sparseColumn(lines, (line) => activityOf(line)?.parks ?? null),
    sparseColumn(lines, repeated((line) => jobOf(line)?.partitionKey ?? null, quotedOrNull)),
  ];
}
