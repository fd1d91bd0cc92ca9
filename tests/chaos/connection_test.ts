/**
 * Connections that are cut at every moment: each call settles, with its own answer or an error that
 * says what may have happened, and the next call works.
 *
 * postgres.js goes on with a connection object whose socket is gone, and with what was left in it:
 * a chunk not yet written, a statement it waits for. Calls then hang. So ours throws it away.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { UnavailableError } from "../../src/core/errors.ts";
import { Database } from "../../src/store/database.ts";
import { eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { Proxy } from "../support/proxy.ts";
import { sized } from "./support.ts";

/** So long that no call of these tests is saved by it. */
const NO_DEADLINE_MS = 3_600_000;

Deno.test("no call hangs, at whatever moment its connection is cut", async () => {
  await using db = await testDatabase();
  await using proxy = new Proxy(new URL(db.url));
  const database = new Database({
    url: proxy.url,
    connections: 3,
    deadlineMs: NO_DEADLINE_MS,
  });
  const seen = { answered: 0, failed: 0 };
  let open = 0;
  const call = (n: number) => {
    open++;
    const statement = n % 3 === 0 ? "select $1::int as n, pg_sleep(0.002)" : "select $1::int as n";
    const send = (): Promise<void> =>
      database.query(statement, [n]).then((rows) => {
        assertEquals(rows[0]?.n, n, "the answer of another call");
        seen.answered++;
      }, (error) => {
        assert(error instanceof UnavailableError, String(error));
        seen.failed++;
        // At once, as whoever reads back what became of a statement.
        return send();
      });
    return send().finally(() => open--);
  };
  const calls: Promise<void>[] = [];
  try {
    for (let n = 0; n < sized(150, 2_000); n++) {
      calls.push(call(n));
      // From before the connect to after the answer, and with calls just before and after the cut.
      await new Promise((done) => setTimeout(done, n % 7));
      calls.push(call(n));
      proxy.cutAll();
      calls.push(call(n));
      await eventually(`the calls of round ${n} settle`, () => Promise.resolve(open < 12));
    }
    await eventually("all calls settle", () => Promise.resolve(open === 0));
    await Promise.all(calls);
    assertGreater(seen.answered, 0);
    assertGreater(seen.failed, 0);
    assertEquals((await database.query("select 1 as n"))[0]?.n, 1);
  } finally {
    await database.close();
  }
});

Deno.test("hints come back after every cut, and say that some may have been missed", async () => {
  await using db = await testDatabase();
  await using proxy = new Proxy(new URL(db.url));
  const database = new Database({ url: proxy.url, connections: 1 });
  const heard: string[] = [];
  let starts = 0;
  const stop = await database.listen("chaos", (text) => heard.push(text), () => starts++);
  try {
    for (let n = 1; n <= sized(8, 60); n++) {
      await eventually(`it listens again (${n})`, () => Promise.resolve(starts >= n));
      await eventually(`it hears (${n})`, async () => {
        await db.sql.notify("chaos", `hint ${n}`);
        return heard.includes(`hint ${n}`);
      });
      // Also in the middle of the next connect.
      proxy.cutAll();
      await new Promise((done) => setTimeout(done, n % 5));
      proxy.cutAll();
    }
  } finally {
    await stop();
    await database.close();
  }
});

Deno.test("listening begins by itself when the database comes later", async () => {
  await using db = await testDatabase();
  await using proxy = new Proxy(new URL(db.url));
  proxy.mode = "refuse";
  const database = new Database({ url: proxy.url, connections: 1 });
  const heard: string[] = [];
  const listening = database.listen("chaos", (text) => heard.push(text), () => {});
  // Whoever starts a worker waits for this.
  const stop = await listening;
  try {
    proxy.mode = "forward";
    await eventually("it hears", async () => {
      await db.sql.notify("chaos", "hint");
      return heard.length > 0;
    });
  } finally {
    await stop();
    await database.close();
  }
});
