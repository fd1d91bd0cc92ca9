/** A child's end and its parent, in processes of their own that are killed: the parent hears, once. */
import { assertEquals } from "@std/assert";
import { createRuntime, defineMachine } from "perdura";
import { eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { parent } from "./family.ts";
import { numberOf } from "./killing.ts";

const FAMILY = new URL("./family.ts", import.meta.url).href;

/** A process of its own; `await using` ends it. */
class Relative implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  constructor(db: TestDatabase, ...args: string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--quiet", FAMILY, db.url, ...args],
      ...{ stdin: "null", stdout: "null", stderr: "inherit" },
    }).spawn();
  }

  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    assertEquals((await this.status).signal, "SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.status;
  }
}

/**
 * Kills a worker -9 in the middle of a turn of the parent, as it waits for a row that is held here. The
 * commit that it had sent is lost with its connection, or goes through after its end.
 */
async function dieInTurn(db: TestDatabase, summon: () => Relative, isLost: boolean): Promise<void> {
  const waiting = await db.sql.begin(async (tx) => {
    const [me] =
      await tx`select pg_backend_pid() as pid from perdura.actor where id = 'p' for update`;
    await using worker = summon();
    await ask(db);
    const found = await eventually("it comes to the parent's row", async () => {
      const [row] = await db.sql`
        select pid from pg_stat_activity where ${Number(me?.pid)} = any(pg_blocking_pids(pid))`;
      return row;
    });
    await worker.kill();
    if (isLost) await db.sql`select pg_terminate_backend(${Number(found.pid)})`;
    return Number(found.pid);
  });
  await eventually("the end of its connection", async () => {
    return (await db.sql`select from pg_stat_activity where pid = ${waiting}`).length === 0;
  });
}

/** Something for the parent to do. */
async function ask(db: TestDatabase): Promise<void> {
  await db.sql`select perdura.send('p', '{"type": "ASK"}')`;
}

/** The child ends while nobody works; the next worker dies as its parent hears. */
async function demandHeardOnce(isLost: boolean): Promise<void> {
  await using db = await testDatabase();
  const machines = [defineMachine(parent, { version: "1" })];
  await using runtime = await createRuntime({ databaseUrl: db.url, machines, migrate: false });
  const { actors } = runtime;
  await using first = new Relative(db, "work");
  await actors.start({ machine: "parent", id: "p" });
  await eventually("the child is at home", async () => {
    const kid = await actors.get(null, "p/kid").catch(() => null);
    return kid?.state === "home";
  });
  await dieInTurn(db, () => first, isLost);
  const { version } = await actors.get(null, "p");

  await using leaving = new Relative(db, "leave", "p/kid");
  assertEquals((await leaving.status).code, 0);
  assertEquals((await actors.get(null, "p/kid")).status, "done");
  assertEquals((await actors.get(null, "p")).version, version, "nobody has told it");

  await dieInTurn(db, () => new Relative(db, "work"), isLost);
  assertEquals((await actors.get(null, "p")).version === version, isLost);
  await using _heir = new Relative(db, "work");
  await ask(db);
  await eventually("all mail is read", async () => {
    return await numberOf(db.sql`select count(*) as n from perdura.mailbox`) === 0;
  });
  const { status, context } = await actors.get(null, "p");
  assertEquals([status, context], ["active", { heard: 1, asked: 3 }]);
  const past = await actors.history(null, "p", 0, 10);
  const ends = past.filter(({ event }) => event === "xstate.done.actor.kid");
  assertEquals(ends.map(({ outcome }) => outcome), ["handled"]);
}

Deno.test("a child that ended while its parent's worker was dead: the parent hears, once", () =>
  demandHeardOnce(true));

Deno.test("the same, where the next worker dies and its commit goes through: once, too", () =>
  demandHeardOnce(false));
