/** What is kept of what has ended, how long, and who has said so. */
import * as statements from "../../../sql/mod.ts";
import type { RetentionPolicy } from "../../core/retention.ts";
import { toPolicy } from "../../store/retention.ts";
import { type Check, fact } from "./finding.ts";

const DAY_MS = 86_400_000;

/** About retention. */
export const keepingChecks: readonly Check[] = [
  {
    name: "retention",
    well: "All that has ended is kept for ever: there is no policy (RETAIN_…_DAYS, PUT /retention)",
    look: async ({ sql }) => {
      const rows = await sql.unsafe(statements.retentionList, [null]);
      return rows.map((row) => fact(sentenceOf(toPolicy(row))));
    },
  },
];

function sentenceOf(policy: RetentionPolicy): string {
  const { tenantId, type, state, maxAgeMs, maxCount, keepSummary, isDeclared } = policy;
  const others = { history: "history", actor: "actors", operation: "operations" };
  const what = Object.entries(others).find(([name]) => name === state)?.[1] ?? `${state} jobs`;
  const of = type === null ? "" : ` of type "${type}"`;
  const whose = tenantId === null ? "every tenant" : `tenant "${tenantId}"`;
  const bounds = [
    ...(maxAgeMs === null ? [] : [`for ${Math.round(maxAgeMs / DAY_MS * 10) / 10} days`]),
    ...(maxCount === null ? [] : [`the newest ${maxCount}`]),
  ];
  const counted = keepSummary ? "; what goes is counted by day" : "";
  const why = isDeclared ? "by the settings" : "as an operator has set it";
  return `${what}${of} of ${whose}: kept ${bounds.join(", and ")}, ${why}${counted}`;
}
