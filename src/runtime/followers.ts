/** The job that follows a batch, stored in the commit of the batch's last step. */
import { z } from "zod";
import { nameOf } from "../core/actor/mod.ts";
import { isRecord } from "../core/actor/envelope.ts";
import type { Clock } from "../core/clock.ts";
import { newJobId } from "../core/id.ts";
import type { JobInsert } from "../core/job.ts";
import type { SendStatement, Store, Turn } from "../store/store.ts";
import { lanesOf } from "./preparing.ts";

const params = z.object({
  follower: z.custom<JobInsert>((value) =>
    isRecord(value) && typeof value.payloadJson === "string"
  ),
  tally: z.record(z.string(), z.json()),
});

/** Stores it. Gives what is to be told after the commit. */
export async function startFollower(
  { store }: { readonly store: Store; readonly clock: Clock },
  send: SendStatement,
  turn: Turn,
  given: unknown,
): Promise<() => void> {
  const { follower, tally } = params.parse(given);
  const metadata = follower.metadataJson === null ? {} : JSON.parse(follower.metadataJson);
  const row: JobInsert = {
    ...follower,
    id: newJobId(turn.tenantId),
    metadataJson: JSON.stringify({ ...metadata, batchOutput: { id: nameOf(turn.id), ...tally } }),
  };
  await store.insertIn(send, [row]);
  return () => store.hint({ kind: "lanes", lanes: lanesOf([row]) });
}
