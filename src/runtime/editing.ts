/** What operators do to one job beside sending it events: edit it, delete it. */
import { z } from "zod";
import type { Backoff } from "../core/backoff.ts";
import { InvalidInputError } from "../core/errors.ts";
import { type Job, type JobPatch, serialise } from "../core/job.ts";
import { type Decision, isTerminal } from "../core/lifecycle.ts";
import { limits } from "../core/limits.ts";
import { demandOwnName, keepingRefusal } from "../core/refused_options.ts";
import { keepingUniqueKey } from "../core/unique.ts";
import type { When } from "../../machines/job.ts";
import type { Store } from "../store/store.ts";
import { jobAfter } from "./answering.ts";
import { type Aim, changeJob, decide, rejection } from "./deciding.ts";
import type { Handlers } from "./handlers.ts";
import type { Intake } from "./intake.ts";
import { backoffFor, checkPayload, handlerOf, laneOf, type RetryDefaults } from "./preparing.ts";

/** What editing needs. */
export interface EditHost {
  readonly store: Store;
  readonly handlers: Handlers;
  readonly defaults: RetryDefaults;
  readonly intake: Intake;
}

/**
 * Changes a waiting job. In the history it is a SCHEDULE, whose cause names what was changed; without
 * a new time the job keeps its place.
 *
 * @throws {NotFoundError | VersionConflictError | InvalidInputError}
 * @throws {TransitionRejectedError} It runs or has ended.
 * @throws {RateLimitedError} The queue that it is to move to is being drained.
 */
export async function editJob(
  { store, handlers, defaults, intake }: EditHost,
  id: string,
  patch: JobPatch,
  aim: Aim,
): Promise<Job> {
  return await changeJob(store, id, aim, async (job) => {
    const decision = decideEdit(job, patch);
    demandOwnName(patch.metadata, "metadata");
    if (patch.payload !== undefined) {
      checkPayload(handlerOf(handlers, job.type, "type"), patch.payload, "payload");
    }
    const payloadJson = patch.payload === undefined
      ? null
      : serialise("Payload", patch.payload, limits.payloadBytesMax);
    if (patch.metadata) serialise("Metadata", patch.metadata, limits.metadataBytesMax);
    const backoff = patch.backoff && backoffFor(patch.backoff, handlers.get(job.type), defaults);
    const after = withPatch(job, { ...patch, backoff });
    const cause = `edit: ${Object.keys(patch).join(", ")}`;
    if (after.queue !== job.queue) await intake.admitInto(after);
    if (!await store.edit(job, decision, { after, payloadJson, cause })) return null;
    store.hint({ kind: "lanes", lanes: [laneOf(after)] });
    return await jobAfter(store, job, decision);
  });
}

/**
 * Deletes an ended job; gives it as it was.
 *
 * @throws {NotFoundError | VersionConflictError}
 * @throws {TransitionRejectedError} It has not ended.
 */
export async function removeJob(store: Store, id: string, aim: Aim): Promise<Job> {
  return await changeJob(store, id, aim, async (job) => {
    if (!isTerminal(job.state)) throw rejection(job, "DELETE");
    return await store.remove(job) ? job : null;
  });
}

function decideEdit(job: Job, patch: JobPatch): Decision {
  const when: When = patch.runAt !== undefined
    ? { runAt: patch.runAt }
    : { delayMs: patch.delayMs ?? 0 };
  const decision = decide(job, { type: "SCHEDULE", when });
  const isTimed = patch.runAt !== undefined || patch.delayMs !== undefined;
  return isTimed ? decision : { ...decision, due: null };
}

function withPatch(
  job: Job,
  patch: Omit<JobPatch, "backoff"> & { readonly backoff: Backoff | null | undefined },
): Job {
  const { runAt: _at, delayMs: _ms, payload: _payload, tags, metadata, ...rest } = patch;
  const given = Object.fromEntries(Object.entries(rest).filter(([, v]) => v !== undefined));
  return {
    ...job,
    ...given,
    tags: tags === undefined ? job.tags : tags ?? [],
    metadata: metadata === undefined
      ? job.metadata
      : keepingRefusal(job.metadata, keepingUniqueKey(job.metadata, jsonOf(metadata), "metadata")),
  };
}

/** Checked before: a body holds nothing but JSON. */
function jsonOf(value: unknown) {
  const parsed = z.json().safeParse(value);
  if (!parsed.success) {
    throw new InvalidInputError([{ path: "metadata", message: "Is not JSON" }]);
  }
  return parsed.data;
}
