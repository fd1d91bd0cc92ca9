/**
 * A process of an older release: it knows the first approvals alone, and starts one.
 * `deno run -A --config deno.json e2e/older.ts DATABASE_URL ID`
 */
import { createRuntime, defineMachine } from "perdura";
import { firstApprovalMachine } from "../machines/approval_first.ts";

const [databaseUrl = "", id = ""] = Deno.args;
const approval = defineMachine(firstApprovalMachine, {
  version: "0",
  unhandled: "reject",
});
await using perdura = await createRuntime({
  databaseUrl: databaseUrl.trim(),
  machines: [approval],
});
const input = { title: "New laptop", approver: "ada" };
await perdura.actorsOf(approval).start({ id, input });
