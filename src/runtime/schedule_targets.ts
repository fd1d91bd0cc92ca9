/** What a schedule starts: the job or the actor of one fire time. */
import type { JobInsert } from "../core/job.ts";
import {
  jobOptionsOf,
  metadataOf,
  type Schedule,
  type ScheduleDefinition,
} from "../core/schedule.ts";
import type { Actors } from "./actors.ts";
import type { Handlers } from "./handlers.ts";
import { prepareJob, type RetryDefaults } from "./preparing.ts";

/** The job of a fire time. @throws {InvalidInputError | UnknownTypeError | PayloadTooLargeError} */
export function jobFor(
  host: { readonly handlers: Handlers; readonly defaults: RetryDefaults },
  schedule: Pick<Schedule, "tenantId" | "id" | "definition">,
  fireMs: number,
  isLate: boolean,
): JobInsert {
  const { tenantId, definition } = schedule;
  const { type, payload = {} } = definition;
  const options = jobOptionsOf(definition);
  const metadata = metadataOf(schedule, fireMs, isLate);
  return prepareJob(host, { ...options, metadata, tenantId, type, payload }, "").row;
}

/** The id of the actor of a fire time: the same in every process. */
export function actorIdOf(
  { id }: Pick<Schedule, "id">,
  fireMs: number,
  cause: "schedule" | "trigger",
): string {
  const at = new Date(fireMs).toISOString();
  return cause === "schedule" ? `${id}@${at}` : `${id}@${at}.trigger`;
}

/** The input of a fire time's actor: with `scheduledFor`, where its machine takes that. */
export function inputOf(actors: Actors, definition: ScheduleDefinition, fireMs: number): unknown {
  const { machine = "", input = {} } = definition;
  if (typeof input !== "object" || input === null || Array.isArray(input)) return input;
  const told = { ...input, scheduledFor: new Date(fireMs).toISOString() };
  return actors.accepts(machine, told) ? told : definition.input;
}
