/** Hints between processes. */
import { newId } from "../../src/core/id.ts";
import { openStore } from "../../src/store/open.ts";
import { eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";

Deno.test("other processes hear that jobs have ended, which or only that some have", async () => {
  await using db = await testDatabase();
  const other = openStore({ url: db.url });
  await using _other = { [Symbol.asyncDispose]: () => other.close() };
  const heard: string[] = [];
  await other.onHint((hint) => {
    if (hint?.kind === "ended") heard.push(hint.ids.join());
  });
  const id = newId();
  db.store.hint({ kind: "ended", ids: [id] });
  await eventually("its id is heard", () => Promise.resolve(heard.includes(id)));
  db.store.hint({ kind: "ended", ids: [] });
  await eventually("some are heard of", () => Promise.resolve(heard.includes("")));
  heard.length = 0;
  db.store.hint({ kind: "ended", ids: Array.from({ length: 51 }, newId) });
  await eventually("too many to name are heard of", () => Promise.resolve(heard.includes("")));
});
