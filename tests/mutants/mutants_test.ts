/** Every guard of the kernel has a test that goes red without it. */
import { assert } from "@std/assert";
import { isKilled, mutants } from "../../tools/mutants.ts";

const root = new URL("../../", import.meta.url).pathname;

for (const mutant of mutants) {
  Deno.test(`without ${mutant.name} a test goes red`, async () => {
    assert(await isKilled(mutant, root), `"${mutant.filter}" passes without the guard`);
  });
}
