/** A worker says in its log why it does nothing. */
import { assertEquals, assertLess } from "@std/assert";
import { configure, type LogRecord } from "@logtape/logtape";
import { z } from "zod";
import { UnavailableError } from "../../src/core/errors.ts";
import { defineHandler } from "../../src/runtime/handlers.ts";
import { openStore } from "../../src/store/open.ts";
import { WorkerLife } from "../../src/runtime/worker_life.ts";
import type { Store } from "../../src/store/store.ts";
import { eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

/** How often the database has answered the worker's first question since. */
function countLooks(store: Store): () => number {
  const { glance } = store;
  let looks = 0;
  store.glance = async () => {
    const sight = await glance.call(store);
    looks++;
    return sight;
  };
  return () => looks;
}

/** What workers log from now on. */
async function recording(): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  await configure({
    sinks: { list: (record) => void records.push(record) },
    loggers: [
      { category: ["perdura", "worker"], lowestLevel: "info", sinks: ["list"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: [] },
    ],
    reset: true,
  });
  return records;
}

Deno.test("a database that takes one write and not the next is told of once, and what became of it", async () => {
  const records = await recording();
  const life = new WorkerLife(1_000);
  life.start();
  const full = new UnavailableError("No space left on device");
  for (let n = 0; n < 1_000; n++) {
    life.onDatabase(full);
    life.onDatabase(full);
    life.onDatabase(null);
  }
  const said = records.map(({ properties }) => String(properties.state));
  assertLess(said.length, 100);
  assertEquals(said.slice(0, 4), ["connecting", "reconnecting", "connected", "degraded"]);
  await eventually("it is told how it stands", () => {
    return Promise.resolve(records.at(-1)?.properties.state === "connected");
  });
  life.end("STOP");
  life.end("STOPPED");
  assertEquals(records.at(-1)?.properties.state, "stopped");
});

Deno.test("a database that takes no writes is named in the worker's log, until it does again", async () => {
  const records = await recording();
  await using db = await testDatabase();
  const [row] = await db.sql`select current_database() as name`;
  const readOnly = async (word: "on" | "off") => {
    await db.sql.unsafe(
      `alter database ${row?.name} set default_transaction_read_only = ${word}`,
    );
    await db.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name like 'perdura lone%'`;
  };
  await readOnly("on");
  const store = openStore({ url: db.url, name: "perdura lone" });
  await using _opened = { [Symbol.asyncDispose]: () => store.close() };
  const noop = defineHandler({ type: "noop", input: z.unknown(), handle: () => {} });
  await using _w = testWorker({ ...db, store }, [noop], { pollMs: 20 });
  const said = await eventually("the worker says why", () => {
    const isReason = ({ properties }: LogRecord) => /read-only/.test(String(properties.reason));
    return Promise.resolve(records.find(isReason));
  });
  assertEquals([said.level, typeof said.properties.state], ["warning", "string"]);
  // Ten looks that the database answers do not make it one that can be worked with.
  const looks = countLooks(store);
  const before = records.length;
  await eventually("it has looked on", () => Promise.resolve(looks() >= 10));
  const states = records.slice(before).map(({ properties }) => properties.state);
  assertEquals(states.filter((state) => state === "connected"), []);
  await readOnly("off");
  await db.sql`select perdura.enqueue('noop', 'null')`;
  await eventually("it works again", async () => {
    return (await db.sql`select from perdura.job_archive`).length === 1;
  });
});
