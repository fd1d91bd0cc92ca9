/** Dashboard and rules name metrics that there are, and Prometheus' own tool takes the rules. */
import { assert, assertEquals } from "@std/assert";
import { parse } from "yaml";
import { z } from "zod";
import { metrics } from "../../src/telemetry/metrics.ts";
import { read } from "./files.ts";

/** Every name that a scrape may show. */
const names = new Set(
  metrics.flatMap(({ name, kind }) =>
    kind === "histogram" ? ["_bucket", "_sum", "_count"].map((end) => name + end) : [name]
  ),
);
const labels = new Set(["le", "instance", "job", ...metrics.flatMap(({ labels }) => labels)]);

const panel = z.object({
  title: z.string(),
  type: z.string(),
  targets: z.array(z.object({ expr: z.string() })).optional(),
});
const dashboard = z.object({
  title: z.literal("Perdura"),
  uid: z.string().max(40),
  templating: z.object({ list: z.array(z.object({ query: z.string() })) }),
  panels: z.array(panel),
});
const rules = z.object({
  groups: z.array(z.object({
    rules: z.array(z.object({
      record: z.string().optional(),
      alert: z.string().optional(),
      expr: z.string(),
      annotations: z.object({ summary: z.string(), remedy: z.string() }).optional(),
    })),
  })),
});

/** Names of metrics in an expression that are neither ours nor recorded. */
function unknownIn(expr: string, recorded: ReadonlySet<string> = new Set()): string[] {
  const used = Array.from(expr.matchAll(/\bperdura[\w:]+/g), ([name]) => name);
  return used.filter((name) => !names.has(name) && !recorded.has(name));
}

/** Labels that an expression selects or groups by. */
function labelsIn(expr: string): string[] {
  const grouped = Array.from(expr.matchAll(/\bby \(([^)]*)\)/g), ([, list]) => String(list));
  const selected = Array.from(expr.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g), ([, label]) => label);
  return [...grouped.flatMap((list) => list.split(/,\s*/)), ...selected.map(String)];
}

Deno.test("every panel of the dashboard asks for metrics and labels that there are", async () => {
  const { panels, templating } = dashboard.parse(
    JSON.parse(await read("deploy/grafana/perdura.json")),
  );
  const shown = panels.filter(({ type }) => type !== "row");
  assert(shown.length >= 20);
  for (const { title, targets = [] } of shown) {
    assert(targets.length > 0, title);
    for (const { expr } of targets) {
      assert(/perdura_/.test(expr), title);
      assertEquals(unknownIn(expr), [], title);
      assertEquals(labelsIn(expr).filter((label) => !labels.has(label)), [], title);
    }
  }
  for (const { query } of templating.list) assertEquals(unknownIn(query), []);
  assertEquals(unknownIn("rate(perdura_no_such_total[1m])"), ["perdura_no_such_total"]);
});

Deno.test("every metric that a worker or the database gives stands on the dashboard", async () => {
  const text = await read("deploy/grafana/perdura.json");
  // These say the same without a type and a queue.
  const twice = /^perdura_worker_(claimed|finished|failed|fenced|running)|look_age/;
  const missing = metrics.filter(({ name }) => !twice.test(name) && !text.includes(name));
  assertEquals(missing.map(({ name }) => name), []);
});

Deno.test("rules ask for metrics that there are, and every alert says what to do", async () => {
  const { groups } = rules.parse(parse(await read("deploy/prometheus/rules.yaml")));
  const all = groups.flatMap(({ rules }) => rules);
  const recorded = new Set(all.flatMap(({ record }) => record ?? []));
  for (const { alert, record, expr, annotations } of all) {
    const name = alert ?? record ?? "";
    assertEquals(unknownIn(expr, recorded), [], name);
    assertEquals(labelsIn(expr).filter((label) => !labels.has(label)), [], name);
    assertEquals(alert !== undefined, annotations !== undefined, name);
  }
  assert(all.filter(({ alert }) => alert).length >= 10);
});

const promtool = await findPromtool();

Deno.test({
  name: promtool
    ? "promtool takes the rules, the configuration, and the tests of the rules"
    : "promtool is not on this machine (Debian: prometheus): the rules are read by the tests above alone",
  fn: async () => {
    const folder = new URL("../../deploy/prometheus/", import.meta.url).pathname;
    if (promtool === null) return;
    assertEquals(await run(promtool, "check", "rules", `${folder}rules.yaml`), 0);
    assertEquals(await run(promtool, "test", "rules", `${folder}rules_test.yaml`), 0);
    const config = await Deno.makeTempFile({ suffix: ".yaml" });
    const text = await read("deploy/prometheus/prometheus.yaml");
    await Deno.writeTextFile(config, text.replace("/etc/prometheus/", folder));
    assertEquals(await run(promtool, "check", "config", config), 0);
    await Deno.writeTextFile(config, "groups: [{ name: a, rules: [{ record: b, expr: '(' }] }]\n");
    assert(await run(promtool, "check", "rules", config) !== 0, "the tool looks");
    await Deno.remove(config);
  },
});

/** PROMTOOL, or the one of the path; null: there is none. */
async function findPromtool(): Promise<string | null> {
  for (const program of [Deno.env.get("PROMTOOL"), "promtool", "/usr/bin/promtool"]) {
    if (!program) continue;
    const found = await run(program, "--version").catch(() => 1);
    if (found === 0) return program;
  }
  return null;
}

async function run(program: string, ...args: string[]): Promise<number> {
  return (await new Deno.Command(program, { args, stdout: "null", stderr: "null" }).output()).code;
}
