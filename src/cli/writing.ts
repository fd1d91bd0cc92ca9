/** How answers get to a connection of `node:http`, where the adapter would do it dearer, or say too much. */
import type { getRequestListener } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { getLogger } from "@logtape/logtape";
import { Buffer } from "node:buffer";
import { ServerResponse } from "node:http";
import { textInOnePiece } from "../http/envelope.ts";

const log = getLogger(["perdura", "http"]);

/** What the adapter calls for each request. */
type Callback = Parameters<typeof getRequestListener>[0];

/** A handler as the adapter takes it. */
export function writing(fetch: (request: Request) => Response | Promise<Response>): Callback {
  return async (request, { outgoing }) => {
    const response = await fetch(request);
    if (!(outgoing instanceof ServerResponse)) return response;
    const text = textInOnePiece(response) ?? (isJson(response) ? await response.text() : null);
    if (text !== null) return write(response, text, outgoing);
    return response.body ? cutting(response, response.body, outgoing) : response;
  };
}

/** What a route answers as JSON is in memory. */
function isJson({ headers, body }: Response): boolean {
  return body !== null && (headers.get("content-type")?.startsWith("application/json") ?? false);
}

/** Writes what was made in one piece as that: to read it from a stream costs as much as all the rest. */
function write(response: Response, text: string, outgoing: ServerResponse): Response {
  const headers: Record<string, string | number> = Object.fromEntries(response.headers);
  headers["content-length"] = Buffer.byteLength(text);
  outgoing.writeHead(response.status, headers).end(text);
  return RESPONSE_ALREADY_SENT;
}

/** What breaks a stream is for the log: the adapter would send its words. Whoever reads it is cut off. */
function cutting(
  response: Response,
  body: ReadableStream<Uint8Array>,
  outgoing: ServerResponse,
): Response {
  const reader = body.getReader();
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    try {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    } catch (error) {
      log.error("An answer broke off", { error });
      outgoing.destroy();
      // The adapter hears of the end of the connection, and cancels.
      await new Promise(() => {});
    }
  };
  const cancel = (reason: unknown) => reader.cancel(reason);
  return new Response(new ReadableStream({ pull, cancel }), response);
}
