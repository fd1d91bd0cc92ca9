import { assertEquals } from "@std/assert";
import { addCounts, countTests, formatCounts, mergeReports } from "../../tools/junit.ts";

/** As `deno test` 2.9.6 writes it: a failed step beside its parent, a name and a message with tags. */
const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="7" failures="2" errors="1" time="0.096">
    <testsuite name="./tests/a_test.ts" tests="6" disabled="1" errors="0" failures="2">
        <testcase name="plain" classname="./tests/a_test.ts" time="0.000" line="9" col="6">
        </testcase>
        <testcase name="ignored" classname="./tests/a_test.ts" time="0.000" line="10" col="11">
            <skipped/>
        </testcase>
        <testcase name="steps" classname="./tests/a_test.ts" time="0.001" line="11" col="6">
            <failure message="1 test step failed">1 test step failed.</failure>
        </testcase>
        <testcase name="steps &gt; &lt;testcase name=&quot;x&quot;&gt;" classname="./tests/a_test.ts">
        </testcase>
        <testcase name="steps &gt; two" classname="./tests/a_test.ts" time="0.000">
            <failure message="&lt;skipped/&gt;">Error: &lt;testcase&gt;&lt;skipped/&gt;
    at file:///tests/a_test.ts:11:100</failure>
        </testcase>
        <testcase name="short" classname="./tests/a_test.ts"/>
    </testsuite>
    <testsuite name="./tests/c_test.ts" tests="1" disabled="0" errors="1" failures="0">
        <testcase name="cut short" classname="./tests/c_test.ts" time="0.000">
            <error message="Cancelled"/>
        </testcase>
    </testsuite>
</testsuites>
`;

Deno.test("countTests() counts every case once, by how it ended", () => {
  assertEquals(countTests(REPORT), { passed: 3, failed: 3, skipped: 1 });
});

Deno.test("countTests() takes nothing in a captured output for a case", () => {
  const output = `<system-out><![CDATA[<testcase name="x"></testcase><failure>]]></system-out>`;
  const report = REPORT.replace(`line="9" col="6">`, `line="9" col="6">${output}`);
  assertEquals(countTests(report), countTests(REPORT));
});

Deno.test("countTests() finds nothing where nothing was written", () => {
  assertEquals(countTests(""), { passed: 0, failed: 0, skipped: 0 });
  assertEquals(countTests("<testsuites>"), { passed: 0, failed: 0, skipped: 0 });
});

Deno.test("formatCounts() names skipped tests only when there are some", () => {
  assertEquals(formatCounts({ passed: 2, failed: 0, skipped: 0 }), "2 passed, 0 failed");
  assertEquals(formatCounts({ passed: 2, failed: 1, skipped: 3 }), "2 passed, 1 failed, 3 skipped");
});

Deno.test("mergeReports() keeps every case and adds up the attributes", () => {
  const merged = mergeReports([REPORT, "", REPORT]);
  assertEquals(countTests(merged), addCounts([countTests(REPORT), countTests(REPORT)]));
  assertEquals(
    merged.split("\n")[1],
    `<testsuites name="perdura" tests="14" failures="4" errors="2" time="0.192">`,
  );
  assertEquals(countTests(mergeReports([])), { passed: 0, failed: 0, skipped: 0 });
});
