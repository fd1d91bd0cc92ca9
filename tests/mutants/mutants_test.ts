/** Every guard of the kernel has a test that goes red without it. */
import { assert } from "@std/assert";
import { mutants, MutantTree } from "../../tools/mutants.ts";

const root = new URL("../../", import.meta.url).pathname;

Deno.test("without any one guard of the kernel a test goes red", async (t) => {
  await using tree = await MutantTree.copy(root);
  const [first] = mutants;
  assert(first !== undefined);
  await t.step("with it the first one's does not", async () => assert(await tree.isGreen(first)));
  for (const mutant of mutants) {
    await t.step(`without ${mutant.name}`, async () => {
      assert(await tree.kills(mutant), `"${mutant.filter}" passes without the guard`);
    });
  }
});
