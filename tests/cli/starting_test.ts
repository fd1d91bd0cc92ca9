/** A start that has to wait says for what, and who holds it. */
import { assert, assertEquals } from "@std/assert";
import postgres from "postgres";
import { emptyDatabase } from "../support/database.ts";
import { eventually } from "../support/build.ts";
import { migrate } from "../../src/store/migrate.ts";
import { startCommand } from "./command.ts";

Deno.test("a start that waits for a lock says so, and whose lock it is", async () => {
  await using db = await emptyDatabase();
  await migrate({ url: db.url });
  const sql = postgres(db.url, {
    max: 1,
    onnotice: () => {},
    connection: { application_name: "somebody" },
  });
  const held = Promise.withResolvers<number>();
  const letGo = Promise.withResolvers<void>();
  const holding = sql.begin(async (tx) => {
    await tx`lock table perdura.migration in row exclusive mode`;
    const [me] = await tx`select pg_backend_pid() as pid`;
    held.resolve(Number(me?.pid));
    await letGo.promise;
  });
  const pid = await held.promise;
  await using command = startCommand(["migrate"], { DATABASE_URL: db.url, LOG_LEVEL: "warning" });
  try {
    // On a slow machine what comes before may be worth a line too, or the look at what it waits for.
    const line = await eventually("it says that it waits for somebody", () => {
      return Promise.resolve(command.lines.find((text) => text.includes('"waits":[{')));
    });
    const { message, properties } = JSON.parse(line);
    assertEquals(message, 'The start waits for "migrate"');
    assert(properties.waitedMs > 0);
    const [{ waitsFor, holder }] = properties.waits;
    assertEquals(waitsFor, "Lock:relation");
    const { sinceMs, ...who } = holder;
    assertEquals(who, { pid, name: "somebody", state: "idle in transaction" });
    assert(sinceMs > 0);
  } finally {
    letGo.resolve();
    await holding;
    await sql.end();
  }
  assertEquals(await command.code, 0);
});
