/** `GET /stream`: server-sent events, of one job or actor, or of the counts. */
import type { Context } from "hono";
import { MalformedError } from "../core/errors.ts";
import { isUuid } from "../core/id.ts";
import { DEFAULT_TENANT } from "../core/job.ts";
import { oneEach } from "../http/request.ts";
import type { Stream, Topic } from "./stream.ts";

const KNOWN = ["job", "actor", "tenantId", "after"];

/** Opens a stream for who was let in. `tenantId` null: any. @throws {PerduraError} */
export async function openStream(
  c: Context,
  stream: Stream,
  tenantId: string | null,
): Promise<Response> {
  const topic = topicOf(c, tenantId);
  await stream.demand(topic);
  return new Response(stream.open(topic), {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
  });
}

function topicOf(c: Context, own: string | null): Topic {
  const { job, actor, after: afterText, tenantId: named } = oneEach(c, KNOWN);
  if (job !== undefined && !isUuid(job)) throw new MalformedError("job must be the id of a job");
  const last = c.req.header("last-event-id") ?? afterText ?? "0";
  if (!/^\d{1,9}$/.test(last)) throw new MalformedError("Last-Event-ID must be a version");
  const tenantId = own ?? named ?? null;
  const after = Number(last);
  if (job !== undefined) return { kind: "job", id: job, tenantId, after };
  if (actor === undefined) return { kind: "counts", id: "", tenantId, after };
  return { kind: "actor", id: actor, tenantId: tenantId ?? DEFAULT_TENANT, after };
}
