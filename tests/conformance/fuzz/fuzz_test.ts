// deno-lint-ignore-file no-console -- the counts are for people to see
/**
 * Random charts against live XState. 2,000 of them, 50,000 with `--long`; `SEED` is the first one's.
 * A difference is explained when XState, with our habits put into it, does the same (`live.ts`), or when
 * it came out in a configuration that no statechart has. docs/xstate.md says why we differ.
 */
import { assert, assertEquals } from "@std/assert";
import { duel, type Verdict } from "./duel.ts";

const COUNT = Deno.env.get("TEST_SIZE") === "long" ? 50_000 : 2000;
const FIRST = Number(Deno.env.get("SEED") ?? 1);

Deno.test(`${COUNT} random charts do durably what they do live, or the difference is explained`, async () => {
  let [same, steps, scriptSteps] = [0, 0, 0];
  const explained: Verdict[] = [];
  const unexplained: string[] = [];
  for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
    const verdict = await duel(seed);
    steps += verdict.steps;
    scriptSteps += verdict.scriptSteps;
    if (verdict.difference === undefined) same++;
    else if (verdict.explained) explained.push(verdict);
    else unexplained.push(`seed ${seed}: ${verdict.difference}`);
  }
  const kinds: Record<string, number> = {};
  for (const kind of explained.flatMap((verdict) => verdict.explained ?? [])) {
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  console.log(
    `Fuzz: ${COUNT} charts, ${scriptSteps} acts, ${steps} steps through JSON: ${same} the same, ` +
      `${explained.length} explained ${JSON.stringify(kinds)}, ${unexplained.length} unexplained`,
  );
  assertEquals(unexplained, []);
  assert(same > COUNT / 2 && steps > COUNT * 10);
});
