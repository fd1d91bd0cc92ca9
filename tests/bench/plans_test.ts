/** The profile's reading of auto_explain: every part's own time. */
import { assertEquals } from "@std/assert";
import { partsOf } from "../../bench/profile/plans.ts";

/** One logged statement: `picked` takes 4 ms, `claimed` pulls it and takes 6 more, the rest 1. */
function logged(query: string): string {
  const plan = {
    "Query Text": query,
    Plan: {
      "Node Type": "CTE Scan",
      "CTE Name": "claimed",
      "Actual Total Time": 11,
      "Actual Loops": 1,
      Plans: [
        {
          "Node Type": "Limit",
          "Subplan Name": "CTE picked",
          "Actual Total Time": 4,
          "Actual Loops": 1,
        },
        {
          "Node Type": "ModifyTable",
          "Subplan Name": "CTE claimed",
          "Actual Total Time": 10,
          "Actual Loops": 1,
          Plans: [{
            "Node Type": "CTE Scan",
            "CTE Name": "picked",
            "Actual Total Time": 4,
            "Actual Loops": 1,
          }],
        },
      ],
    },
  };
  const lines = JSON.stringify(plan, null, 2).split("\n").map((line) => `\t${line}\n`).join("");
  return `2026-01-01 00:00:00 UTC [1] LOG:  duration: 11 ms  plan:\n${lines}`;
}

Deno.test("a part does not pay for what it reads, and calls add up", () => {
  const log = `${logged("claim")}something else\n${logged("claim")}${logged("other")}`;
  const parts = partsOf(log, (query) => query === "claim" ? query : null);
  assertEquals(parts.map(({ statement, part, ms }) => [statement, part, ms]), [
    ["claim", "claimed", 12],
    ["claim", "picked", 8],
    ["claim", "(result)", 2],
  ]);
});
