/** Transactions that cannot begin, and what is said of them. */
import { assertEquals, assertRejects } from "@std/assert";
import { configure, type LogRecord } from "@logtape/logtape";
import { UnavailableError } from "../../src/core/errors.ts";
import { newId } from "../../src/core/id.ts";
import { openStore } from "../../src/store/open.ts";

/** Nobody listens there. */
const NOWHERE = "postgres://nobody:none@127.0.0.1:1/none";

/** Warnings of the store from now on. */
async function recording(): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  await configure({
    sinks: { list: (record) => void records.push(record) },
    loggers: [
      { category: ["perdura", "store"], lowestLevel: "warning", sinks: ["list"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: [] },
    ],
    reset: true,
  });
  return records;
}

/** Asks so many transactions at once of a server that is not there. Gives how often one paused to try again. */
async function pausesOf(
  count: number,
  tenantId: string,
  wanted: new (message: string) => Error,
): Promise<number> {
  let pauses = 0;
  const random = () => {
    pauses++;
    return 0;
  };
  const store = openStore({ url: NOWHERE, random });
  await using _open = { [Symbol.asyncDispose]: () => store.close() };
  const by = { worker: newId(), tenantId };
  const never = () => {
    throw new Error("not reached");
  };
  await Promise.all(Array.from({ length: count }, () => {
    return assertRejects(() => store.transaction(by, never, never), wanted);
  }));
  return pauses;
}

Deno.test("transactions that cannot begin are told of once, however many they are", async () => {
  const records = await recording();
  await pausesOf(3, "default", UnavailableError);
  assertEquals(records.map(({ level }) => level), ["warning"]);
});

Deno.test("a transaction of what is no tenant is refused at once, and not tried again", async () => {
  const records = await recording();
  assertEquals(await pausesOf(1, "no'tenant", RangeError), 0);
  assertEquals(records, []);
});
