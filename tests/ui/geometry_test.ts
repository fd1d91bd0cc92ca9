/**
 * 500 random statecharts through ELK, 2,000 with `--long`, by as many workers as there are processors.
 * None may fail, and what must hold of every picture holds of each: geometry_worker.ts.
 */
import { assert, assertEquals } from "@std/assert";

const MACHINES = Deno.env.get("TEST_SIZE") === "long" ? 2000 : 500;

interface Done {
  readonly edges: number;
  readonly count: number;
}

function checkShare(from: number, by: number): Promise<Done> {
  const worker = new Worker(new URL("./geometry_worker.ts", import.meta.url), { type: "module" });
  const { promise, resolve, reject } = Promise.withResolvers<Done>();
  worker.onmessage = ({ data }) => data.error ? reject(new Error(data.error)) : resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error(event.message));
  };
  worker.postMessage({ from, to: MACHINES, by });
  return promise.finally(() => worker.terminate());
}

Deno.test(`${MACHINES} random machines are laid out, and every picture is sound`, async () => {
  const workers = Math.min(8, Math.max(2, navigator.hardwareConcurrency));
  const done = await Promise.all(
    Array.from({ length: workers }, (_, share) => checkShare(share, workers)),
  );
  assertEquals(done.reduce((sum, { count }) => sum + count, 0), MACHINES);
  const edges = done.reduce((sum, each) => sum + each.edges, 0);
  assert(edges > MACHINES * 3, "they are no trivial machines");
});
