/** Mail that lies behind where a process looks for it: its transaction was long. */
import { assert, assertEquals } from "@std/assert";
import { newId } from "../../../src/core/id.ts";
import { over } from "../../../src/core/over.ts";
import { Runtime } from "../../../src/library/runtime.ts";
import { withDefaults } from "../../../src/library/settings.ts";
import { Machines } from "../../../src/runtime/machines.ts";
import type { Store } from "../../../src/store/store.ts";
import { eventually } from "../../support/build.ts";
import { type TestDatabase, testDatabase } from "../../support/database.ts";
import { counter } from "./counter.ts";

/** A runtime that takes each look at mail from the head for a dear one, as behind a snapshot that somebody holds. */
function runtimeOn(store: Store, onLook: (from: number | null) => Promise<void>): Runtime {
  const actors = over(store.actors, {
    claim: async (request) => {
      const claim = await store.actors.claim(request);
      await onLook(request.from);
      return { ...claim, tookMs: request.from === null ? 60_000 : 1 };
    },
  });
  const machines = new Machines([counter]);
  return new Runtime(over(store, { actors }), [], withDefaults({ pollMs: 20 }), { machines });
}

/** An event whose sender began long ago, and has committed now. */
async function addOldMail({ sql }: TestDatabase, id: string): Promise<void> {
  await sql`
    insert into perdura.mailbox (tenant_id, actor_id, id, kind, body, due_at)
    values ('default', ${id}, ${newId()}, 'event', '{"event":{"type":"INC"}}',
            now() - interval '1 minute')`;
}

Deno.test("a drive looks at mail from the head, wherever a worker of its process has come to", async () => {
  await using db = await testDatabase();
  let last: number | null = null;
  const runtime = runtimeOn(db.store, (from) => Promise.resolve(void (last = from)));
  const { actors } = runtime;
  for (const id of ["a", "b"]) await actors.start({ machine: "counter", id });
  const worker = runtime.work();
  await eventually("it looks from where it was", async () => {
    await actors.post("a", { type: "INC" });
    return last !== null;
  });
  await worker.stop();
  await addOldMail(db, "b");
  await runtime.drive({ budgetMs: 2_000 });
  assertEquals((await actors.get(null, "b")).context, { n: 1 });
});

Deno.test("a drive says that there is more, also of mail that came behind where it looked", async () => {
  await using db = await testDatabase();
  let isToCome = true;
  const runtime = runtimeOn(db.store, async (from) => {
    if (from === null || !isToCome) return;
    isToCome = false;
    await addOldMail(db, "a");
  });
  await runtime.actors.start({ machine: "counter", id: "a" });
  let told = await runtime.drive({ budgetMs: 2_000 });
  for (let n = 0; isToCome && n < 10; n++) told = await runtime.drive({ budgetMs: 2_000 });
  assert(!isToCome, "it has looked from where it was");
  assert(told.more || told.turns > 0);
  await runtime.drive({ budgetMs: 2_000 });
  assertEquals((await runtime.actors.get(null, "a")).context, { n: 1 });
});
