/** Attaching, joining, leaving: everything that happens without violence. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { join } from "node:path";
import { EmbeddedError } from "../../src/embedded/errors.ts";
import { isRunning } from "../../src/embedded/postmaster.ts";
import { isRoot, query, until, withScene } from "./support.ts";

const URL_SHAPE = /^postgres:\/\/perdura:[\w-]{43}@127\.0\.0\.1:2\d{4}\/perdura$/;

Deno.test("attachEmbedded() starts a server that asks for its password", () =>
  withScene(async ({ dir, attach, serverPid }) => {
    const lines: string[] = [];
    const server = await attach({
      onProgress: (line) => lines.push(line.split(" ", 1)[0] ?? ""),
    });
    assertEquals(lines, ["Unpacking", "Initialising", "Starting"]);
    assertMatch(server.url, URL_SHAPE);
    assertEquals(server.adopted, false);

    const file = join(dir, "database-url");
    assertEquals(await Deno.readTextFile(file), `${server.url}\n`);
    assertEquals((await Deno.stat(file)).mode! & 0o777, 0o600);

    const [row] = await query(
      server.url,
      "select current_user as name, current_setting('search_path') as path, lower('ÄÖ') as low",
    );
    assertEquals(row, { name: "perdura", path: "public, perdura", low: "äö" });
    const [mode] = await query(server.url, "select current_setting('fsync') as fsync");
    assertEquals(mode, { fsync: "off" });
    const wrong = server.url.replace(/:[\w-]{43}@/, ":wrong@");
    await assertRejects(() => query(wrong, "select 1"), Error, "password authentication failed");

    const pid = await serverPid();
    await server.close();
    assert(pid !== undefined && !await isRunning(pid), "the last to leave must stop the server");
  }));

Deno.test("attachEmbedded() keeps data, password and port over a stop", () =>
  withScene(async ({ attach, dir }) => {
    const first = await attach();
    await query(first.url, "create table kept as select 42 as answer");
    await first.close();
    await first.close();

    const second = await attach();
    assertEquals(second.url, first.url);
    assertEquals(second.adopted, false);
    assertEquals(await query(second.url, "select answer from kept"), [{ answer: 42 }]);
    await second.close();

    // Somebody else takes the port while the server is down.
    const port = Number(new URL(first.url).port);
    using _squatter = Deno.listen({ hostname: "127.0.0.1", port });
    const third = await attach();
    assert(third.url !== first.url, "a taken port cannot be used");
    assertEquals(await Deno.readTextFile(join(dir, "database-url")), `${third.url}\n`);
    assertEquals(await query(third.url, "select answer from kept"), [{ answer: 42 }]);
  }));

Deno.test("attachEmbedded() twice in one process shares the server until both have left", () =>
  withScene(async ({ attach, serverPid }) => {
    const [one, other] = await Promise.all([attach(), attach()]);
    assertEquals([one.adopted, other.adopted].filter(Boolean).length, 1);
    assertEquals(one.url, other.url);
    await one.close();
    assertEquals(await query(other.url, "select 1 as n"), [{ n: 1 }]);
    await other.close();
    assertEquals(await serverPid(), undefined);
  }));

Deno.test("attachEmbedded() in racing processes starts one server; the last one stops it", () =>
  withScene(async ({ spawn, serverPid }) => {
    const children = [spawn(), spawn(), spawn()];
    const said = await Promise.all(children.map((child) => child.next("url")));
    assertEquals(said.filter(({ adopted }) => !adopted).length, 1);
    const url = String(said[0]?.url);
    assertEquals(said.map((line) => line.url), [url, url, url]);

    const pid = await serverPid();
    await children[0]?.leave();
    await children[1]?.leave();
    assertEquals(await serverPid(), pid);
    assertEquals(await query(url, "select 1 as n"), [{ n: 1 }]);
    await children[2]?.leave();
    assertEquals(await serverPid(), undefined);
  }));

Deno.test("close() in all processes at once leaves no server behind", () =>
  withScene(async ({ spawn, serverPid }) => {
    const children = [spawn(), spawn(), spawn()];
    await Promise.all(children.map((child) => child.next("url")));
    await Promise.all(children.map((child) => child.leave()));
    assertEquals(await serverPid(), undefined);
  }));

Deno.test({
  name: isRoot
    ? "attachEmbedded() as root moves to /var/tmp when nobody cannot reach the state folder"
    : "attachEmbedded() as root moves to /var/tmp (ignored: only root needs another place)",
  ignore: !isRoot,
  fn: () =>
    withScene(async ({ dir, attach }) => {
      const server = await attach();
      assertMatch(server.dataDir, /^\/var\/tmp\/perdura-[0-9a-f]{16}\/data$/);
      assertEquals(await Deno.readTextFile(join(dir, "database-url")), `${server.url}\n`);
      assertEquals((await Deno.stat(server.dataDir)).mode! & 0o777, 0o700);

      // Opening the folder later must not show an empty database in another place.
      await Deno.chmod(dir, 0o755);
      const second = await attach();
      assertEquals([second.adopted, second.dataDir], [true, server.dataDir]);
    }, { isOpen: false }),
});

Deno.test("attachEmbedded() tells why the server does not start, on one line", () =>
  withScene(async ({ attach, home }) => {
    const server = await attach();
    await query(server.url, "alter system set shared_preload_libraries = 'no_such_library'");
    await server.close();
    const error = await assertRejects(() => attach(), EmbeddedError);
    assertStringIncludes(error.message, (await home()).logDir);
    assertStringIncludes(error.message, "no_such_library");
    assert(!error.message.includes("\n"));
  }));

Deno.test("attachEmbedded() refuses a database of another major version", () =>
  withScene(async ({ dir, attach }) => {
    await Deno.mkdir(join(dir, "data"));
    await Deno.writeTextFile(join(dir, "data", "PG_VERSION"), "17\n");
    await assertRejects(() => attach(), EmbeddedError, "is of PostgreSQL 17");
  }));

Deno.test("attachEmbedded() refuses to make a database among strange files", () =>
  withScene(async ({ dir, attach }) => {
    await Deno.mkdir(join(dir, "data"));
    await Deno.writeTextFile(join(dir, "data", "holiday.jpg"), "");
    await assertRejects(() => attach(), EmbeddedError, "holds something else");
    await until("the file is still there", async () => await Deno.stat(`${dir}/data/holiday.jpg`));
  }));
