/** A job as a snapshot of its machine: what XState restores an actor from. */
import { jobMachine } from "../../machines/job.ts";
import { contextOf, type Job } from "./job.ts";
import type { Json } from "./json.ts";

/** Exactly what `createActor(jobMachine, { snapshot })` takes, as plain JSON. */
export function snapshotOf(job: Job): Json {
  const isFinal = jobMachine.states[job.state]?.type === "final";
  const snapshot = jobMachine.resolveState({
    value: job.state,
    context: contextOf(job),
    ...(isFinal ? { status: "done" } : {}),
  });
  const persisted: unknown = jobMachine.getPersistedSnapshot(snapshot);
  return JSON.parse(JSON.stringify({ output: null, error: null, ...Object(persisted) }));
}
