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

const time = { startTimeUnixNano: z.string(), timeUnixNano: z.string() };
const number = z.object({ ...time, attributes: z.array(attribute), asDouble: z.number() });
const histogram = z.object({
  ...time,
  attributes: z.array(attribute),
  count: z.string(),
  sum: z.number(),
  bucketCounts: z.array(z.string()),
  explicitBounds: z.array(z.number()),
});
const cumulative = { aggregationTemporality: z.literal(2) };
/** Beside ours, Deno exports some of its own, in other forms. */
const metric = z.object({
  name: z.string().startsWith("perdura_"),
  description: z.string(),
  unit: z.string(),
  sum: z.object({ ...cumulative, isMonotonic: z.literal(true), dataPoints: z.array(number) })
    .optional(),
  gauge: z.object({ dataPoints: z.array(number) }).optional(),
  histogram: z.object({ ...cumulative, dataPoints: z.array(histogram) }).optional(),
});
const exported = z.object({
  resourceMetrics: z.tuple([z.object({
    resource: z.object({ attributes: z.array(attribute) }),
    scopeMetrics: z.tuple([
      z.object({ scope: z.object({ name: z.literal("perdura") }), metrics: z.array(metric) }),
    ]),
  })]),
});

/** A metric as it was sent. */
export type ReceivedMetric = z.output<typeof metric>;

/** One export of metrics. */
export interface ReceivedExport {
  readonly resource: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
  readonly metrics: readonly ReceivedMetric[];
}

/** Attributes by their names. */
export function named(attributes: readonly z.output<typeof attribute>[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]));
}

/** A span as it was sent. */
export type ReceivedSpan = z.output<typeof span>;

/** A receiver on a port of its own. `await using` ends it. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** Exports of our metrics, in the order of their coming. */
  readonly exports: readonly ReceivedExport[];
  /** Everything that came, as text: to look for what must not be there. */
  readonly text: string;
}

/** Starts one. @param answer What it says to metrics. */
export function startReceiver(
  answer: () => Response | Promise<Response> = () => Response.json({}),
): Receiver {
  const spans: ReceivedSpan[] = [];
  const exports: ReceivedExport[] = [];
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
      const { pathname } = new URL(request.url);
      if (pathname !== "/v1/metrics" || !body.includes('"perdura_')) return Response.json({});
      const [{ resource, scopeMetrics: [{ metrics }] }] = exported.parse(JSON.parse(body))
        .resourceMetrics;
      exports.push({ resource: named(resource.attributes), headers: request.headers, metrics });
      return await answer();
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    spans,
    exports,
    get text() {
      return text;
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
