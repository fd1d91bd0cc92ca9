/** Receives OTLP as JSON: what a collector would be sent. */
import { z } from "zod";

const attribute = z.object({ key: z.string(), value: z.record(z.string(), z.unknown()) });
const span = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  kind: z.number(),
  startTimeUnixNano: z.string(),
  endTimeUnixNano: z.string(),
  attributes: z.array(attribute).default([]),
  links: z.array(z.object({ traceId: z.string(), spanId: z.string() })).default([]),
  status: z.object({ code: z.number().optional() }).default({}),
});
const traces = z.object({
  resourceSpans: z.array(z.object({
    scopeSpans: z.array(z.object({ spans: z.array(span) })),
  })),
});

/** A span as it was sent. */
export type ReceivedSpan = z.output<typeof span>;

/** A receiver on a port of its own. `await using` ends it. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** Everything that came, as text: to look for what must not be there. */
  readonly text: string;
}

/** Starts one. */
export function startReceiver(): Receiver {
  const spans: ReceivedSpan[] = [];
  let text = "";
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const body = await request.text();
      text += body;
      if (new URL(request.url).pathname === "/v1/traces") {
        for (const { scopeSpans } of traces.parse(JSON.parse(body)).resourceSpans) {
          spans.push(...scopeSpans.flatMap((scope) => scope.spans));
        }
      }
      return Response.json({});
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    spans,
    get text() {
      return text;
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
