/** `GET /jobs/{id}/logs`: a page of JSON, or server-sent events until the job has ended. */
import { z } from "@hono/zod-openapi";
import { UnavailableError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import { cursorOf, type JobLogs, type LogNews } from "../runtime/job_logs.ts";
import type { LogLine } from "../store/store.ts";
import { readId } from "./request.ts";
import { tenantOf } from "./resource.ts";
import { type Call, defineRoute, type Route } from "./route.ts";
import { anyJson, flagText, pageQuery, pageResource, tenantQuery } from "./schemas.ts";

const HEARTBEAT_MS = 15_000;
const query = z.object({ ...tenantQuery, ...pageQuery, follow: flagText.optional() });

/** One line of a log. */
const lineResource = z.object({
  n: z.int(),
  at: z.iso.datetime(),
  attempt: z.int(),
  level: z.enum(["debug", "info", "warn", "error"]),
  message: z.string(),
  data: anyJson,
}).openapi("LogLine");

/** The route of a job's log. */
export function logRoutes(logs: JobLogs): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/jobs/{id}/logs",
      summary: "What its handler has logged; `follow=true`, or asked for as text/event-stream: " +
        "events `log`, `progress` and `end`, as they come",
      tag: "jobs",
      scope: "read",
      query,
      answers: {
        200: [
          "One page, ascending; `dropped`: how many lines before these are forgotten",
          pageResource(lineResource).extend({ dropped: z.int() }),
        ],
      },
      codes: ["not_found"],
      handle: async (call) => {
        const { c, query: { cursor = null, limit = limits.pageDefault, follow } } = call;
        const isStream = follow ?? c.req.header("accept")?.includes("text/event-stream") ?? false;
        if (isStream) return await stream(call, logs);
        const page = await logs.page(tenantOf(call), readId(c), cursor, limit);
        return c.json({ ...page, items: page.items.map(toResource) });
      },
    }),
  ];
}

async function stream(call: Call<z.output<typeof query>>, logs: JobLogs): Promise<Response> {
  const { c } = call;
  const gone = new AbortController();
  const cursor = c.req.header("last-event-id") ?? call.query.cursor ?? null;
  const news = logs.follow(tenantOf(call), readId(c), cursor, gone.signal);
  // The first look is made before the answer begins: a job that is not there is a 404. It does not wait
  // for a line: a client that hears nothing goes, and nobody would hear of that.
  const first = await news.next();
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      const encoder = new TextEncoder();
      // It may have gone while its news were read.
      const send = (text: string) => {
        if (!gone.signal.aborted) controller.enqueue(encoder.encode(text));
      };
      void pump(first, news, send, gone).finally(() => {
        if (!gone.signal.aborted) controller.close();
      });
    },
    cancel: () => gone.abort(),
  });
  const headers = { "content-type": "text/event-stream", "cache-control": "no-store" };
  return new Response(body, { headers });
}

/** Sends what comes; never rejects. When the database is away the client comes back by itself. */
async function pump(
  first: IteratorResult<LogNews>,
  news: AsyncGenerator<LogNews>,
  send: (text: string) => void,
  gone: AbortController,
): Promise<void> {
  const beat = setInterval(() => send(": still here\n\n"), HEARTBEAT_MS);
  try {
    for (let each = first; !each.done; each = await news.next()) {
      if (gone.signal.aborted) break;
      send(messageOf(each.value));
    }
  } catch (error) {
    if (!(error instanceof UnavailableError)) send("event: gone\ndata: {}\n\n");
  } finally {
    clearInterval(beat);
    await news.return(undefined);
  }
}

function messageOf(news: LogNews): string {
  if (news.kind === "open") return "retry: 1000\n\n";
  if (news.kind === "line") {
    const { line } = news;
    return `id: ${cursorOf(line)}\nevent: log\ndata: ${JSON.stringify(toResource(line))}\n\n`;
  }
  const { state, progress } = news.job;
  const data = news.kind === "end" ? { state } : { progress };
  return `event: ${news.kind}\ndata: ${JSON.stringify(data)}\n\n`;
}

function toResource({ version: _, ...line }: LogLine) {
  return line;
}
