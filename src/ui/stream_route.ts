/** `GET /stream`: server-sent events, of one job or actor, or of the counts. */
import type { Context } from "hono";
import { MalformedError } from "../core/errors.ts";
import { isUuid } from "../core/id.ts";
import { DEFAULT_TENANT } from "../core/job.ts";
import type { Stream, Topic } from "./stream.ts";

/** Opens a stream for who was let in. `tenantId` null: any. @throws {PerduraError} */
export function openStream(c: Context, stream: Stream, tenantId: string | null): Response {
  return new Response(stream.open(topicOf(c, tenantId)), {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
  });
}

function topicOf(c: Context, own: string | null): Topic {
  const [job, actor] = [c.req.query("job"), c.req.query("actor")];
  if (job !== undefined && !isUuid(job)) throw new MalformedError("job must be the id of a job");
  const last = c.req.header("last-event-id") ?? c.req.query("after") ?? "0";
  if (!/^\d{1,9}$/.test(last)) throw new MalformedError("Last-Event-ID must be a version");
  const tenantId = own ?? c.req.query("tenantId") ?? null;
  const after = Number(last);
  if (job !== undefined) return { kind: "job", id: job, tenantId, after };
  if (actor === undefined) return { kind: "counts", id: "", tenantId, after };
  return { kind: "actor", id: actor, tenantId: tenantId ?? DEFAULT_TENANT, after };
}
