/** kill -9 at every point: of users, of the server, in the middle of the first start. */

import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import process from "node:process";
import postgres from "postgres";
import { findPostmaster, isRunning } from "../../src/embedded/postmaster.ts";
import { killHard, query, until, withScene } from "./support.ts";

Deno.test("the server outlives kill -9 of its starter and is adopted", () =>
  withScene(async ({ spawn, attach, serverPid }) => {
    const child = spawn();
    const { url } = await child.next("url");
    const pid = await serverPid();
    await child.kill();

    const server = await attach();
    assertEquals([server.adopted, server.url, await serverPid()], [true, url, pid]);
    await server.close();
    assertEquals(await serverPid(), undefined);
  }));

Deno.test("the server does not hear a Ctrl-C meant for its starter's process group", () =>
  withScene(async ({ spawn, serverPid }) => {
    const child = spawn();
    const { url } = await child.next("url");
    const pid = await serverPid();
    process.kill(-child.pid, "SIGINT");
    await until("the end of the child", async () => !(await isRunning(child.pid)));
    assertEquals(await query(String(url), "select 1 as n"), [{ n: 1 }]);
    assertEquals(await serverPid(), pid);
  }));

Deno.test("a killed server comes back on the same url with what was committed", () =>
  withScene(async ({ attach, spawn, serverPid }) => {
    // Without durability the last half second of commits would rightly be lost.
    const server = await attach({ durable: true });
    const child = spawn();
    await child.next("url");
    const sql = postgres(server.url, { max: 2, backoff: () => 0.1, onnotice: () => {} });
    try {
      await sql`create table kept as select 42 as answer`;
      const pid = await serverPid();
      assert(pid !== undefined);
      await killHard(pid);
      await until("another postmaster", async () => {
        const now = await serverPid();
        return now !== undefined && now !== pid;
      });
      // The same pool, connected before the crash, finds the new server under the old address.
      const rows = await until(
        "an answer",
        () =>
          sql`select answer, current_setting('fsync') as fsync from kept`.catch(() => undefined),
      );
      assertEquals([...rows], [{ answer: 42, fsync: "on" }]);
    } finally {
      await sql.end({ timeout: 1 });
    }
    assertEquals(await Deno.readTextFile(`${server.dataDir}/../database-url`), `${server.url}\n`);
  }));

Deno.test("a restart waits for orphaned backends that still hold the shared memory", () =>
  withScene(async ({ attach, serverPid }) => {
    const lines: string[] = [];
    const server = await attach({ onProgress: (line) => lines.push(line) });
    // Busy in the executor, the backend does not notice the death of its postmaster.
    const sql = postgres(server.url, { max: 1, onnotice: () => {} });
    const busy = sql`do $$ begin while clock_timestamp() < now() + '5 min' loop end loop; end $$`
      .catch(() => {});
    const backend = await until("the busy backend", async () => {
      const [row] = await query(
        server.url,
        "select pid from pg_stat_activity where query like 'do %' and state = 'active'",
      );
      return row?.pid;
    });
    const pid = await serverPid();
    assert(pid !== undefined);
    await killHard(pid);
    const isWaiting = () => lines.some((line) => line.startsWith("Waiting for the last"));
    await until("the restart waits", () => Promise.resolve(isWaiting()));
    await killHard(Number(backend));
    await until("another postmaster", async () => {
      const now = await serverPid();
      return now !== undefined && now !== pid;
    });
    await until("an answer", () => query(server.url, "select 1").catch(() => undefined));
    await busy;
    await sql.end({ timeout: 1 });
  }));

for (const moment of ["Unpacking", "Initialising", "Starting"]) {
  Deno.test(`kill -9 of the first process while "${moment} …" does no harm`, () =>
    withScene(async ({ spawn, attach, home }) => {
      const child = spawn();
      for (;;) {
        const { progress } = await child.next("progress");
        if (String(progress).startsWith(moment)) break;
      }
      await child.kill();

      const server = await attach();
      assertEquals(await query(server.url, "select 1 as n"), [{ n: 1 }]);
      const names = await Array.fromAsync(Deno.readDir((await home()).dir), ({ name }) => name);
      assertEquals(names.filter((name) => name.includes("tmp")), []);
    }));
}

Deno.test("leftovers of a half copy and a half initdb are removed", () =>
  withScene(async ({ dir, attach }) => {
    await Deno.mkdir(join(dir, "pg-18.4.0-beta.17.tmp-1/bin"), { recursive: true });
    await Deno.mkdir(join(dir, "pg-18.4.0-beta.17/bin"), { recursive: true });
    await Deno.mkdir(join(dir, "init-1/data/base"), { recursive: true });
    await Deno.writeTextFile(join(dir, "init-1/data/PG_VERSION"), "18\n");
    await attach();
    const names = await Array.fromAsync(Deno.readDir(dir), ({ name }) => name);
    assertEquals(
      names.filter((name) => /^(pg|init)-/.test(name)),
      ["pg-18.4.0-beta.17"],
    );
  }));

Deno.test("a stale postmaster.pid that names a stranger, a zombie or nobody does not stop the start", () =>
  withScene(async ({ attach, home }) => {
    const server = await attach();
    const pidFile = join(server.dataDir, "postmaster.pid");
    const text = await Deno.readTextFile(pidFile);
    await server.close();

    await using zombie = await makeZombie();
    const naming = (pid: number) => text.replace(/^.*/, String(pid));
    // The empty file is what a power cut can leave.
    for (const stale of [naming(Deno.pid), naming(zombie.pid), ""]) {
      await Deno.writeTextFile(pidFile, stale, { mode: 0o600 });
      assertEquals(await findPostmaster(await home()), undefined);
      const again = await attach();
      assertEquals(again.adopted, false);
      assertEquals(await query(again.url, "select 1 as n"), [{ n: 1 }]);
      await again.close();
    }
  }));

/**
 * A dead child of a living process that never asks for its status.
 *
 * The child ends with our end of its input, once its parent has become a program that knows no
 * children: a shell that is still there would ask.
 */
async function makeZombie() {
  const parent = new Deno.Command("/bin/sh", {
    args: ["-c", "exec 3<&0; cat <&3 & echo $!; exec sleep 120 3<&- <&-"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = parent.stdout.getReader();
  const pid = Number(new TextDecoder().decode((await reader.read()).value));
  await until("a parent that has become another program", async () => {
    return await Deno.readTextFile(`/proc/${parent.pid}/comm`) === "sleep\n";
  });
  await parent.stdin.close();
  await until("a zombie", async () => {
    return / Z /.test(await Deno.readTextFile(`/proc/${pid}/stat`));
  });
  const end = async () => {
    await killHard(parent.pid);
    await reader.cancel();
    await parent.status;
  };
  return { pid, [Symbol.asyncDispose]: end };
}
