/** Answers that last: whoever may no longer read is not read to. */
import type { Context, MiddlewareHandler } from "hono";
import { UnauthenticatedError } from "../core/errors.ts";
import type { Permit } from "./access.ts";
import { isWhole } from "./envelope.ts";

/** A revoked key is refused everywhere within five seconds, what was said of it included. */
const CHECK_MS = 2_000;

/** Asks again, while a stream goes on, who it goes to; and cuts it when that is nobody any more. */
export function cutStreams(permit: Permit): MiddlewareHandler {
  const cut: MiddlewareHandler = async (c, next) => {
    await next();
    if (isWhole(c.res)) return;
    if (!c.res.headers.get("content-type")?.startsWith("text/event-stream")) return;
    // Looked at last: whoever asks for the body of an answer gets a stream, and a text no longer goes
    // out in one piece.
    const { body } = c.res;
    if (body) c.res = new Response(checked(c, permit, body), c.res);
  };
  // Only GET answers with streams: all else is not to pay for them.
  return (c, next) => c.req.method === "GET" ? cut(c, next) : next();
}

function checked(
  c: Context,
  permit: Permit,
  body: ReadableStream<Uint8Array>,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  const stop = async () => {
    isOver = true;
    clearTimeout(timer);
    await reader.cancel().catch(() => {});
  };
  const check = async () => {
    // That it cannot be asked now is no refusal.
    const isRefused = await Promise.resolve(permit(c))
      .then(() => false, (error) => error instanceof UnauthenticatedError);
    if (isOver) return;
    if (isRefused) await stop();
    else timer = setTimeout(check, CHECK_MS);
  };
  return new ReadableStream({
    start() {
      timer = setTimeout(check, CHECK_MS);
    },
    async pull(controller) {
      const { done, value } = await reader.read().catch(async (error) => {
        // It has broken off (the database went away): nobody is read to, and nobody is to be asked after.
        await stop();
        throw error;
      });
      if (!done) return controller.enqueue(value);
      isOver = true;
      clearTimeout(timer);
      controller.close();
    },
    cancel: stop,
  });
}
