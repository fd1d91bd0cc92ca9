// deno-lint-ignore-file no-console -- what it finds, it prints
/** `deno run -A tests/conformance/scxml/survey.ts`: every case that does not pass, and why. */
import { readCases } from "./cases.ts";
import { judge } from "./judge.ts";

const verdicts = (await readCases()).map(judge);
for (const { name, live, durable } of verdicts) {
  if (live !== undefined || durable !== undefined) {
    console.log(`${name}\n  live    ${live ?? "ok"}\n  durable ${durable ?? "ok"}`);
  }
}
const passed = (mode: "live" | "durable") => verdicts.filter((v) => v[mode] === undefined).length;
console.log(`live ${passed("live")}, durable ${passed("durable")} of ${verdicts.length}`);
if (Deno.args.includes("--pin")) {
  const names = verdicts.filter(({ durable }) => durable === undefined).map(({ name }) => name);
  const file = new URL("passing.json", import.meta.url);
  await Deno.writeTextFile(file, `${JSON.stringify(names, null, 2)}\n`);
}
