// deno-lint-ignore-file no-console -- the counts are for people to see
/**
 * The SCXML suite, live and durably under the same check: the whole configuration after each event,
 * and after the first macrostep. What passes is pinned in `passing.json`.
 */
import { assert, assertEquals } from "@std/assert";
import { readCases } from "./cases.ts";
import { judge } from "./judge.ts";
import pinned from "./passing.json" with { type: "json" };

Deno.test("the SCXML suite passes durably wherever it passes live, and the list of passing cases stands", async () => {
  const cases = await readCases();
  assertEquals(cases.length, 316);
  const verdicts = cases.map(judge);
  const passing = verdicts.filter(({ durable }) => durable === undefined);
  const live = verdicts.filter((verdict) => verdict.live === undefined);
  const w3c = passing.filter(({ name }) => name.startsWith("w3c-ecma/"));
  const steps = verdicts.reduce((sum, verdict) => sum + verdict.steps, 0);
  console.log(
    `SCXML: ${passing.length} of 316 pass durably (W3C ${w3c.length} of 189, ` +
      `SCION ${
        passing.length - w3c.length
      } of 127), ${live.length} live; ${steps} steps through JSON`,
  );
  const lost = live.filter(({ durable }) => durable !== undefined);
  assertEquals(
    lost.map(({ name, durable }) => `${name}: ${durable}`),
    [],
    "pass live, fail durably",
  );
  assert(passing.length >= live.length);
  assertEquals(passing.map(({ name }) => name), pinned, "run survey.ts; a new one is to be added");
});
