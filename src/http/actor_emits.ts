/** `/actors/{id}/emits`: what an actor emits, as server-sent events. */
import { z } from "@hono/zod-openapi";
import { MalformedError } from "../core/errors.ts";
import { Seats } from "../core/seats.ts";
import type { Emitted } from "../runtime/actor_emits.ts";
import type { Actors } from "../runtime/actors.ts";
import { readActorId } from "./actor_resource.ts";
import { tenantOf } from "./resource.ts";
import { defineRoute, type Route } from "./route.ts";
import { tenantQuery } from "./schemas.ts";

const HEARTBEAT_MS = 15_000;
/** Version and index of the last one that is known, as we send them. */
const ID = /^(\d{1,9})(?:\.(\d{1,6}))?$/;

/** Each looks a few times a second. */
const FOLLOWERS_MAX = 500;

/** The route. */
export function actorEmitRoutes(actors: Actors): Route[] {
  const seats = new Seats(FOLLOWERS_MAX, "Too many follow actors");
  return [
    defineRoute({
      method: "get",
      path: "/actors/{id}/emits",
      summary: "What it emits, as server-sent events, until it has ended",
      tag: "actors",
      scope: "read",
      idIsText: true,
      query: z.object({
        ...tenantQuery,
        after: z.string().optional().describe("Version of the step that is known already"),
      }),
      answers: { 200: ["A stream of `text/event-stream`: id, type and data of each event", null] },
      codes: ["not_found"],
      handle: async (call) => {
        const known = call.c.req.header("last-event-id") ?? call.query.after ?? "0";
        const [, version, index] = ID.exec(known) ?? [];
        if (version === undefined) throw new MalformedError("after is not one of our event ids");
        const id = readActorId(call.c);
        // A step that was cut in the middle is read again, from behind what is known of it.
        const after = index === undefined ? Number(version) : Number(version) - 1;
        const { tenantId } = await actors.get(tenantOf(call), id);
        const leave = seats.take(call.permission.tenantId);
        const stop = new AbortController();
        stop.signal.addEventListener("abort", leave, { once: true });
        const isNew = (each: Emitted) =>
          index === undefined || each.version > Number(version) || each.index > Number(index);
        const signal = AbortSignal.any([stop.signal, actors.closing]);
        const emits = actors.emits(tenantId, id, after, signal);
        return new Response(streamOf(emits, isNew, stop, signal), {
          headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
        });
      },
    }),
  ];
}

function streamOf(
  emits: AsyncGenerator<Emitted>,
  isNew: (each: Emitted) => boolean,
  stop: AbortController,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let heartbeat: ReturnType<typeof setInterval> | undefined;
  const close = () => {
    clearInterval(heartbeat);
    stop.abort();
  };
  return new ReadableStream({
    start(controller) {
      const send = (text: string) => controller.enqueue(encoder.encode(text));
      send("retry: 1000\n\n");
      heartbeat = setInterval(() => send(": still here\n\n"), HEARTBEAT_MS);
    },
    async pull(controller) {
      try {
        for (;;) {
          const { value, done } = await emits.next();
          if (stop.signal.aborted) return;
          if (done) {
            const isOver = !signal.aborted;
            close();
            if (isOver) controller.enqueue(encoder.encode("event: end\ndata: {}\n\n"));
            return controller.close();
          }
          if (!isNew(value)) continue;
          return controller.enqueue(encoder.encode(textOf(value)));
        }
      } catch (error) {
        close();
        controller.error(error);
      }
    },
    cancel: close,
  });
}

/** The type is in the data as well: a line of its own could not hold every text. */
function textOf({ version, index, at, event }: Emitted): string {
  const data = JSON.stringify({ version, at, event });
  return `id: ${version}.${index}\nevent: emit\ndata: ${data}\n\n`;
}
