/** docs/metrics.md, made from the list in `src/telemetry/metrics.ts`: `deno run -A tools/metrics_page.ts`. */
import { WAIT_SECONDS, WORK_SECONDS } from "../src/runtime/histogram.ts";
import { SERIES_MAX } from "../src/runtime/job_stats.ts";
import type { Metric } from "../src/telemetry/metric.ts";
import { metrics } from "../src/telemetry/metrics.ts";

/** Where it stands. */
export const METRICS_PAGE = "docs/metrics.md";

const HEAD = `# Metrics

Written by \`tools/metrics_page.ts\` from \`src/telemetry/metrics.ts\`; a test compares them.

\`GET /metrics\` answers in the text format of Prometheus: of a worker on \`WORKER_HTTP_PORT\`, which asks
for no key and is for a network of your own; of the API behind the scope \`metrics\`, which needs a key
without a tenant (\`perdura keys create --scopes metrics\`).

Durations are in seconds. Counters count since the start of their process: use \`rate()\`. What the
database is asked (\`both\`, from \`perdura_jobs\` on) is looked at once in five seconds at most, by each
process; take \`max()\` of it, not \`sum()\`. When the database does not answer, those metrics are missing
after two minutes, and \`perdura_database_look_failures_total\` grows.

Labels: \`type\` is a registered handler, \`queue\` what clients have named; ${SERIES_MAX} pairs of both are
told apart per process, then the queue is \`other\`. No label holds a tenant or an id.

Buckets of execution, claim, commit, sweep and requests: ${WORK_SECONDS.join(", ")}. Of waiting:
${WAIT_SECONDS.join(", ")}.
`;

/** The page as it should be, before \`deno fmt\`. */
export function metricsPage(): string {
  const rows = metrics.map(rowOf);
  const table = [
    "| metric | kind | labels | process | meaning |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
  ];
  return `${HEAD}\n${table.join("\n")}\n`;
}

/** The page in the form of the files here. */
export async function formattedMetricsPage(): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "fmt",
      "--ext",
      "md",
      "--config",
      new URL("../deno.json", import.meta.url).pathname,
      "-",
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(metricsPage()));
  await writer.close();
  return new TextDecoder().decode((await child.output()).stdout);
}

function rowOf({ name, kind, labels, of, help }: Metric): string {
  return `| \`${name}\` | ${kind} | ${labels.join(", ")} | ${of} | ${help} |`;
}

if (import.meta.main) {
  await Deno.writeTextFile(
    new URL(`../${METRICS_PAGE}`, import.meta.url),
    await formattedMetricsPage(),
  );
}
