/**
 * Reads the JUnit reports `deno test` writes, far enough to count and to merge them.
 *
 * Every `<testcase>` counts once. A failing step is reported besides its parent, which fails with it,
 * and a `describe` besides its tests; so one broken step makes two failures. Deno escapes every text
 * and attribute, so a tag in a message of a test can not be taken for one of the report's.
 */

/** How a run ended. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const TEST_CASE = /<testcase\b[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g;
const SUITES = /<testsuites\b([^>]*)>([\s\S]*)<\/testsuites>/;

/** Counts the test cases of a report; all zero for an empty or broken one. */
export function countTests(report: string): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [, body] of withoutCdata(report).matchAll(TEST_CASE)) {
    counts[outcomeOf(body ?? "")]++;
  }
  return counts;
}

/** The sum of several runs. */
export function addCounts(all: readonly Counts[]): Counts {
  const sum = (of: keyof Counts) => all.reduce((total, counts) => total + counts[of], 0);
  return { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") };
}

/** The plain line a run ends with: `N passed, N failed`, and what was skipped if anything was. */
export function formatCounts({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** One report that holds the suites of all. Broken reports are left out. */
export function mergeReports(reports: readonly string[]): string {
  const parts = reports.map((report) => SUITES.exec(report)).filter((part) => part !== null);
  const total = (name: string) => parts.reduce((sum, part) => sum + attribute(part[1], name), 0);
  const attributes = ["tests", "failures", "errors"].map((name) => `${name}="${total(name)}"`);
  const time = `time="${total("time").toFixed(3)}"`;
  return [
    `<?xml version="1.0" encoding="UTF-8"?>`,
    `<testsuites name="perdura" ${attributes.join(" ")} ${time}>`,
    ...parts.map((part) => `    ${(part[2] ?? "").trim()}`),
    `</testsuites>\n`,
  ].join("\n");
}

/** A test cut short (by an error elsewhere in its file) is reported as `<error>`: it did not pass. */
function outcomeOf(body: string): keyof Counts {
  if (/<(?:failure|error)\b/.test(body)) return "failed";
  return /<skipped\b/.test(body) ? "skipped" : "passed";
}

/** Deno writes none, but a captured output in one could hold anything. */
function withoutCdata(report: string): string {
  return report.replace(/<!\[CDATA\[[\s\S]*?\]\]>/g, "");
}

function attribute(attributes: string | undefined, name: string): number {
  return Number(new RegExp(`\\b${name}="([\\d.]+)"`).exec(attributes ?? "")?.[1] ?? 0);
}
