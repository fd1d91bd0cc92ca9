/** The bill of materials names every package of the lock, once. */
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { bomOf } from "../../tools/sbom.ts";

const bom = z.object({
  components: z.array(z.object({
    name: z.string(),
    version: z.string().regex(/^\d+\.\d+\.\d+/),
    purl: z.string().startsWith("pkg:npm/"),
    hashes: z.array(z.object({ alg: z.literal("SHA-512"), content: z.string().length(128) })),
  })),
});

Deno.test("every package of the lock is in it, with version and hash", async () => {
  const lock = await Deno.readTextFile(new URL("../../deno.lock", import.meta.url));
  const { components } = bom.parse(bomOf(lock));
  const names = new Set(components.map(({ name }) => name));
  for (const name of ["hono", "postgres", "@hono/zod-openapi", "xstate"]) {
    assert(names.has(name), name);
  }
  assertEquals(new Set(components.map(({ purl }) => purl)).size, components.length);
});
