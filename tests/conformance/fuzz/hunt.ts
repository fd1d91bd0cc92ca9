// deno-lint-ignore-file no-console -- what it finds, it prints
/** `deno run -A tests/conformance/fuzz/hunt.ts FROM COUNT`: duels by seed, and every unexplained difference. */
import { duel } from "./duel.ts";

const [from = 1, count = 100] = Deno.args.map(Number);
const kinds = new Map<string, number>();
let [same, explained, unexplained, steps, script] = [0, 0, 0, 0, 0];
for (let seed = from; seed < from + count; seed++) {
  const verdict = await duel(seed);
  steps += verdict.steps;
  script += verdict.scriptSteps;
  if (verdict.difference === undefined) same++;
  else if (verdict.explained) {
    explained++;
    for (const kind of verdict.explained) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  } else {
    unexplained++;
    console.log(`seed ${seed}: ${verdict.difference}`);
  }
}
console.log({ same, explained, unexplained, steps, script, kinds: Object.fromEntries(kinds) });
