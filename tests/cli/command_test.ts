/** The command line as real processes: exit codes, and no more words than it takes. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import postgres from "postgres";
import { openHome } from "../../src/embedded/home.ts";
import { findPostmaster } from "../../src/embedded/postmaster.ts";
import { migrations } from "../../src/store/migrate.ts";
import { emptyDatabase, testDatabase } from "../support/database.ts";
import { openSession, perdura, perduraEach } from "./command.ts";

const MAIN = new URL("../../main.ts", import.meta.url).href;

const USAGE =
  "usage: perdura start | api | worker | migrate | enqueue | jobs | … (--help says more)";

/** Names of all tables of ours, and of the schema itself. */
async function relations(url: string): Promise<string[]> {
  const sql = postgres(url, { max: 1 });
  const rows = await sql<{ name: string }[]>`
    select nspname as name from pg_namespace where nspname = 'perdura'
    union all select relname from pg_class where relnamespace = to_regnamespace('perdura')`;
  await sql.end();
  return rows.map(({ name }) => name);
}

Deno.test("wrong use is one line, the usage, exit 2", async () => {
  const wrong = [["nonsense"], ["wroker"], ["worker", "--bogus"], ["migrate", "extra"]];
  for (const [index, { code, stdout, lines }] of (await perduraEach(wrong)).entries()) {
    const args = wrong[index] ?? [];
    const usage = args.length === 1 ? USAGE : `usage: perdura ${args[0]} [options]`;
    assertEquals([code, stdout, lines.length, lines[1]], [2, "", 2, usage]);
    assertMatch(lines[0] ?? "", /^error: /);
    assertStringIncludes(lines[0] ?? "", args.at(-1) ?? "");
  }
});

Deno.test("no command at all is wrong use too, and tells the commands", async () => {
  const { code, stdout, lines } = await perdura([]);
  assertEquals([code, stdout], [2, ""]);
  for (const command of ["start", "api", "worker", "migrate"]) {
    assert(lines.some((line) => line.trim().startsWith(command)), command);
  }
});

Deno.test("--help tells the commands on standard output, exit 0", async () => {
  const { code, stdout, lines } = await perdura(["--help"]);
  assertEquals([code, lines], [0, []]);
  assertStringIncludes(stdout, "migrate");
});

Deno.test("a service with wrong settings begins nothing: one line each, exit 2", async () => {
  const dir = await Deno.makeTempDir();
  const services = [["start"], ["api"], ["worker"], ["migrate"]];
  const answers = await perduraEach(services, {
    PERDURA_STATE_DIR: `${dir}/state`,
    PORT: "eighty",
    WORKER_LEASE_MS: "5",
    PERDURA_PASSWORD: "hunter2",
    DATABASE_URL: "mysql://hunter2@nowhere",
  });
  assertEquals(answers.map(({ code, stdout }) => [code, stdout]), services.map(() => [2, ""]));
  for (const { lines } of answers) {
    assertEquals(lines.map((line) => line.replace("perdura: ", "").split(":")[0]).sort(), [
      "DATABASE_URL",
      "PERDURA_PASSWORD",
      "PORT",
      "WORKER_LEASE_MS",
    ]);
    assert(!lines.join().includes("hunter2"), "a value is shown");
  }
  assertEquals([...Deno.readDirSync(dir)], [], "a state folder was made");
  await Deno.remove(dir, { recursive: true });
});

Deno.test("migrate --plan prints the SQL of an empty database and changes nothing", async () => {
  await using db = await emptyDatabase();
  const { code, stdout, lines } = await perdura(["migrate", "--", "--plan"], {
    DATABASE_URL: db.url,
  });
  assertEquals([code, lines], [0, []]);
  for (const { name, text } of migrations) {
    assertStringIncludes(stdout, `-- ${name}\n`);
    assertStringIncludes(stdout, text);
  }
  assertEquals(await relations(db.url), []);
});

Deno.test("migrate applies what is pending, and the second run says that nothing is", async () => {
  await using db = await emptyDatabase();
  const settings = { DATABASE_URL: db.url };
  await using session = await openSession(settings);
  const first = await session.run(["migrate"]);
  assertEquals([first.code, first.lines], [0, []]);
  assertEquals(first.stdout, migrations.map(({ name }) => `Applied ${name}\n`).join(""));
  const made = await relations(db.url);
  for (const table of ["job", "transition", "lease"]) assert(made.includes(table), table);
  for (const args of [["migrate"], ["migrate", "--plan"]]) {
    const again = await session.run(args);
    assertEquals([again.code, again.stdout, again.lines], [0, "-- Up to date\n", []]);
  }
});

Deno.test("migrate refuses a database with another text of a migration: one line, exit 1", async () => {
  await using db = await testDatabase();
  await db.sql`update perdura.migration set checksum = 'other'`;
  const { code, lines } = await perdura(["migrate"], { DATABASE_URL: db.url });
  assertEquals([code, lines.length], [1, 1]);
  assertStringIncludes(lines[0] ?? "", migrations[0]?.name ?? "");
});

Deno.test("a command makes the schema where there is none, and refuses one that is behind: one line, exit 1", async () => {
  await using db = await emptyDatabase();
  await using session = await openSession({ DATABASE_URL: db.url });
  assertEquals((await session.run(["jobs", "--json"])).code, 0);
  const sql = postgres(db.url, { max: 1 });
  await sql`delete from perdura.migration where id = ${migrations.at(-1)?.id ?? 0}`;
  await sql.end();
  for (const args of [["jobs"], ["enqueue", "debug.noop"], ["keys", "list"], ["top", "--once"]]) {
    const { code, stdout, lines } = await session.run(args);
    assertEquals([code, stdout, lines], [1, "", [
      "perdura: This database is behind this program by 1 of its migrations: run `perdura migrate`",
    ]], args.join(" "));
  }
});

Deno.test("a command without a database to reach waits for none: one line, exit 1", async () => {
  const settings = { DATABASE_URL: "postgres://u:secret@127.0.0.1:1/db", LOG_LEVEL: "warning" };
  const { code, lines } = await perdura(["enqueue", "debug.noop"], settings);
  assertEquals([code, lines.length], [1, 1], lines.join("\n"));
  assertStringIncludes(lines[0] ?? "", "Database unavailable");
});

Deno.test("migrate without a database to reach: one line without the password, exit 1", async () => {
  const { code, stdout, lines } = await perdura(["migrate"], {
    DATABASE_URL: "postgres://perdura:hunter2@127.0.0.1:1/perdura",
  });
  assertEquals([code, stdout, lines.length], [1, "", 1]);
  assertMatch(lines[0] ?? "", /^perdura: Database unavailable/);
  assert(!lines[0]?.includes("hunter2"));
});

for (const [command, setting] of [["api", "PORT"], ["worker", "WORKER_HTTP_PORT"]] as const) {
  Deno.test(`"${command}" on a ${setting} that is taken: one line that names it, exit 1`, async () => {
    await using db = await testDatabase();
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const port = String(taken.addr.port);
    const { code, stdout, lines } = await perdura([command], {
      DATABASE_URL: db.url,
      [setting]: port,
    });
    assertEquals([code, stdout, lines.length], [1, "", 1], lines.join("\n"));
    assertStringIncludes(
      lines[0] ?? "",
      `perdura: Cannot listen on 127.0.0.1:${port} (${setting})`,
    );
  });
}

Deno.test(`"start" on a PORT that is taken says so before it makes a database`, async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const dir = await Deno.makeTempDir({ prefix: "perdura-cli-" });
  try {
    await Deno.chmod(dir, 0o755);
    const { code, stdout, lines } = await perdura(["start"], {
      PERDURA_STATE_DIR: dir,
      PORT: String(taken.addr.port),
    });
    assertEquals([code, stdout, lines.length], [1, "", 1], lines.join("\n"));
    assertMatch(lines[0] ?? "", /^perdura: Cannot listen on 127\.0\.0\.1:\d+ \(PORT\)/);
    assertEquals(await Array.fromAsync(Deno.readDir(dir)), []);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a start that fails leaves no embedded server behind", async () => {
  const dir = await Deno.makeTempDir({ prefix: "perdura-cli-" });
  try {
    await Deno.chmod(dir, 0o755);
    const { code, lines } = await perdura(["start"], {
      PERDURA_STATE_DIR: dir,
      PORT: "0",
      AUTH: "keys",
    });
    assertEquals([code, lines.length], [2, 1], lines.join("\n"));
    await Deno.stat(`${dir}/database-url`);
    assertEquals(await findPostmaster(await openHome(dir)), undefined);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a command whose reader is gone ends without a word, as every other program", async () => {
  await using db = await emptyDatabase();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, "migrate", "--plan"],
    env: { DATABASE_URL: db.url, NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  const stderr = await new Response(child.stderr).text();
  assertEquals([(await child.status).code, stderr], [141, ""]);
});
