/** The commands for jobs and keys, as real processes on a real database. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import postgres from "postgres";
import { testDatabase } from "../support/database.ts";
import { openSession, perdura, perduraEach } from "./command.ts";

Deno.test("enqueue, jobs, show, events, cancel, rerun and sweep work on the database itself", async () => {
  await using db = await testDatabase();
  await using session = await openSession({ DATABASE_URL: db.url });
  const run = (...args: string[]) => session.run(args);
  const stored = await run("enqueue", "debug.noop", "--payload", '{"n":1}', "--delay", "60000");
  assertEquals(stored.code, 0);
  const id = stored.stdout.trim();
  assertMatch(id, /^[0-9a-f-]{36}$/);
  assertStringIncludes((await run("jobs", "--state", "scheduled")).stdout, id);
  assertEquals(JSON.parse((await run("jobs", "--json", "--state", "running")).stdout), []);
  assertEquals(JSON.parse((await run("show", id)).stdout).payload, { n: 1 });
  assertEquals((await run("cancel", id, "--reason", "enough")).stdout.trim(), `${id} cancelled`);
  const steps = JSON.parse((await run("events", id, "--json")).stdout);
  assertEquals(steps.map(({ event, cause }: Record<string, unknown>) => [event, cause]), [
    ["ENQUEUE", null],
    ["SCHEDULE", null],
    ["CANCEL", "enough"],
  ]);
  assertStringIncludes((await run("events", id)).stdout, "CANCEL scheduled → cancelled");
  const copy = JSON.parse((await run("rerun", id, "--json")).stdout);
  assertEquals([copy.clonedFrom, copy.state], [id, "pending"]);
  assertEquals((await run("tail", id)).stdout.trim().split("\n").length, 3);
  assertEquals((await run("sweep")).stdout.trim(), "recovered 0, quarantined 0, due 0");
});

Deno.test("what is refused is one line and exit 3, wrong use exit 2", async () => {
  await using db = await testDatabase();
  const refusals = [
    ["show", "01a20679-0000-7000-8000-000000000000"],
    ["enqueue", "no.such.type"],
    ["enqueue", "debug.sleep", "--payload", '{"ms":"x"}'],
    ["keys", "create", "--tenant", "a", "--scopes", "platform"],
    ["diagram", "nothing"],
  ];
  await using session = await openSession({ DATABASE_URL: db.url });
  const each = (commands: readonly (readonly string[])[]) =>
    Array.fromAsync(commands, (args) => session.run(args));
  const refused = await each(refusals);
  for (const [index, { code, stdout, lines }] of refused.entries()) {
    assertEquals([code, stdout, lines.length], [3, "", 1], refusals[index]?.join(" "));
  }
  // Nor does the level that is the default add a word to it.
  const told = await perdura(refusals[0]!, { DATABASE_URL: db.url, LOG_LEVEL: "info" });
  assertEquals([told.code, told.lines.length], [3, 1], told.lines.join("\n"));
  const wrong = [
    ["show"],
    ["show", "not-an-id"],
    ["enqueue", "debug.sleep", "--payload", "{\n"],
    ["enqueue", "debug.sleep", "--delay", "-5"],
    ["enqueue", "debug.sleep", "--wait", "soon"],
    ["jobs", "--state", "lost"],
    ["jobs", "--limit", "0"],
    ["keys", "create", "--scopes", "root"],
    ["keys", "create", "--expires", "tomorrow"],
    ["keys", "revoke", "mine"],
    ["completions", "tcsh"],
  ];
  const answers = await each(wrong);
  for (const [index, { code, stdout, lines }] of answers.entries()) {
    assertEquals([code, stdout, lines.length], [2, "", 2], wrong[index]?.join(" "));
    assertStringIncludes(lines[1] ?? "", `usage: perdura ${wrong[index]?.[0]}`);
  }
});

Deno.test("enqueue --wait ends in 1 when the job has not succeeded, and says why", async () => {
  await using db = await testDatabase();
  await using session = await openSession({ DATABASE_URL: db.url });
  const run = (...args: string[]) => session.run(args);
  const early = await run("enqueue", "debug.noop", "--key", "k", "--wait", "0");
  const id = early.stdout.split(" ")[0] ?? "";
  assertEquals([early.code, early.stdout.trim()], [1, `${id} pending`]);
  assertEquals(early.lines, [`perdura: ${id} has not ended yet: pending`]);
  assertEquals((await run("cancel", id)).code, 0);
  const over = await run("enqueue", "debug.noop", "--key", "k", "--wait", "5", "--json");
  assertEquals([over.code, JSON.parse(over.stdout).state], [1, "cancelled"]);
  assertEquals(JSON.parse(over.stdout).accepts, ["REQUEUE"], "as the API gives it");
  assertEquals(over.lines, [`perdura: ${id} ended as cancelled: Cancelled: Cancelled by user`]);
});

Deno.test("keys are made, listed and revoked; the first platform key is made once", async () => {
  await using db = await testDatabase();
  await using session = await openSession({ DATABASE_URL: db.url });
  const run = (...args: string[]) => session.run(args);
  const closed = await session.run(["api"], { AUTH: "keys", PORT: "0" });
  assertEquals([closed.code, closed.lines.length], [2, 1]);
  assertStringIncludes(closed.lines[0] ?? "", "keys create");
  const first = await run("keys", "create", "--if-none");
  assertMatch(first.stdout.trim(), /^perdura_[0-9a-f]{32}_\S{43}$/);
  assertStringIncludes((await run("keys", "create", "--if-none")).stdout, "already");
  const made = await run("keys", "create", "--name", "shop", "--tenant", "a", "--scopes", "read");
  assertEquals(made.code, 0);
  const keys = JSON.parse((await run("keys", "list", "--json")).stdout);
  assertEquals(keys.length, 2);
  const shop = keys.find(({ name }: { name: string }) => name === "shop");
  const rotated = await run("keys", "rotate", shop.id, "--overlap", "60000");
  assert(rotated.stdout.startsWith("perdura_"));
  assertEquals((await run("keys", "revoke", shop.id)).code, 0);
  const sql = postgres(db.url, { max: 1 });
  const actions = await sql`select action, who from perdura.audit order by id`;
  await sql.end();
  assertEquals(actions.map(({ action }) => action), [
    "key.create",
    "key.create",
    "key.rotate",
    "key.revoke",
  ]);
  assert(actions.every(({ who }) => who.startsWith("cli ")));
  assert((await run("keys", "list")).stdout.includes("dead"));
});

Deno.test("diagram prints a picture, completions a script that bash takes", async () => {
  const [svg, bash, fish] = await perduraEach([
    ["diagram"],
    ["completions", "bash"],
    ["completions", "fish"],
  ]);
  assert(svg && bash && fish);
  assert(svg.stdout.startsWith("<svg") && svg.stdout.includes('data-state="dead_letter"'));
  /** What bash offers where the last word is being typed. */
  const offered = async (...words: string[]) => {
    const typed = words.map((word) => `'${word}'`).join(" ");
    const ask = `COMP_WORDS=(perdura ${typed}); COMP_CWORD=${words.length}; _perdura; ` +
      'echo "${COMPREPLY[@]}"';
    const { code, stdout: answer, stderr } = await new Deno.Command("bash", {
      args: ["-c", `${bash.stdout}\n${ask}`],
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(answer).trim().split(" ");
  };
  assertEquals(await offered("backup"), ["backup-check"]);
  assertEquals(await offered("tail", "--a"), ["--actor"]);
  assertEquals(await offered("operations", "res"), ["resume", "reschedule"]);
  assertEquals(await offered("operations", "requeue", "--dry"), ["--dry-run"]);
  assertEquals(await offered("enqueue", "mail.send", "--pay"), ["--payload"]);
  assertEquals(await offered("completions", "z"), ["zsh"]);
  assertStringIncludes(fish.stdout, "complete -c perdura");
});
