/** The examples of the README, run as they stand: the requests by curl, the program by deno. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import postgres from "postgres";
import { emptyDatabase, testDatabase } from "../support/database.ts";

const ROOT = new URL("../../", import.meta.url);
const README = await Deno.readTextFile(new URL("README.md", ROOT));
const API = "http://127.0.0.1:8000";

/** No shell command of an example may take longer. */
const SHELL_MS_MAX = 300_000;

/** The code blocks of a language that contain a word. */
function blocks(language: string, word: string): string[] {
  const fenced = README.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm);
  return Array.from(fenced).filter(([, name, text]) => name === language && text?.includes(word))
    .map(([, , text]) => String(text));
}

/** What is ours of the surroundings, the mark of the test command too, would change or stop it. */
function foreignEnvironment(): Record<string, string> {
  const names = ["PATH", "HOME", "DENO_DIR", "NPM_CONFIG_REGISTRY", "TMPDIR"];
  const given = names.map((name) => [name, Deno.env.get(name)] as const);
  return Object.fromEntries(given.flatMap(([name, value]) => value ? [[name, value]] : []));
}

/** `deno task start` on a port of its own; disposing stops it. */
async function startProgram(environment: Record<string, string>) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "main.ts", "start"],
    cwd: ROOT,
    clearEnv: true,
    env: { ...foreignEnvironment(), PORT: "0", ...environment },
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines = child.stderr.pipeThrough(new TextDecoderStream());
  let log = "";
  let found: (url: string) => void = () => {};
  const listening = new Promise<string>((resolve) => found = resolve);
  const reading = (async () => {
    for await (const text of lines) {
      log += text;
      const url = /Listening on .*?(http:\/\/127\.0\.0\.1:\d+)\D/.exec(log)?.[1];
      if (url) found(url);
    }
  })();
  const ended = child.status.then(() => Promise.reject(new Error(`start ended:\n${log}`)));
  ended.catch(() => {});
  return {
    url: await Promise.race([listening, ended]),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await Promise.all([child.status, reading]);
    },
  };
}

/** Runs a script; gives every JSON object that it printed. */
async function runShell(script: string): Promise<Record<string, unknown>[]> {
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-euc", script],
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(SHELL_MS_MAX),
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert(success, `${text}\n${new TextDecoder().decode(stderr)}`);
  return text.replaceAll("}{", "}\n{").split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

async function hasCurl(): Promise<boolean> {
  const asked = new Deno.Command("curl", { args: ["--version"], stdout: "null" }).output();
  return await asked.then(({ success }) => success, () => false);
}

Deno.test({
  name: "the README's requests do what it says",
  ignore: !await hasCurl(),
  fn: async () => {
    await using database = await testDatabase();
    const stateDir = await Deno.makeTempDir({ prefix: "perdura-readme-" });
    await using _removed = {
      [Symbol.asyncDispose]: () => Deno.remove(stateDir, { recursive: true }),
    };
    await using program = await startProgram({
      DATABASE_URL: database.url,
      PERDURA_STATE_DIR: stateDir,
    });
    const requests = blocks("sh", "curl").filter((text) => !/\/actors|\/schedules/.test(text));
    const [first, again, read, events, batch, unique, limits, imports, ...others] = requests;
    assert(first && again && read && events && batch && unique && limits && imports, "eight");
    assertEquals(others, []);
    const untilDone =
      `until curl -s ${API}/jobs/$job | grep -q '"state":"succeeded"'; do sleep 0.1; done\n`;
    const script = [first, again, untilDone, read, events, limits].join("\n");
    const [created, job, history, cancelled, requeued, metrics, set, paused, why, resumed] =
      await runShell(script.replaceAll(API, program.url));

    assertEquals(created?.type, "email.send");
    assertEquals(job?.id, created?.id);
    assertEquals(job?.state, "succeeded");
    assertEquals(eventsOf(history), [
      "1 ENQUEUE pending",
      "2 CLAIM running",
      "3 SUCCEED succeeded",
    ]);
    const mail = await Deno.readTextFile(`${stateDir}/outbox/${created?.id}.eml`);
    assert(mail.includes("Subject: Welcome"), mail);
    assertEquals([cancelled?.state, cancelled?.version], ["cancelled", 3]);
    assert(requeued?.id === cancelled?.id && Number(requeued?.version) >= 4);
    assertEquals(Object.keys(metrics ?? {}), ["states", "queues"]);
    assertEquals(set, { ratePerMinute: 10, burst: 10, concurrency: 3, weight: 1 });
    assertEquals([paused?.state, resumed?.state], ["paused", "open"]);
    assert(JSON.stringify(why).includes('"code":"queue_paused"'), JSON.stringify(why));

    const [imported] = await runShell(imports.replaceAll(API, program.url));
    const { imported: good, rejected, errors } = Object(imported?.output);
    assertEquals([good, rejected, errors[0].line], [1, 1, 3]);
    const [begun, counted] = await runShell(batch.replaceAll(API, program.url));
    assertEquals([begun?.id, begun?.total, counted?.id], ["greetings", 2, "greetings"]);

    const [schedule, ledger, ...otherSchedules] = blocks("sh", "/schedules");
    const [synced, everyNight] = await runShell(String(ledger).replaceAll(API, program.url));
    assertEquals([Object(synced?.output).copied, everyNight?.type], [0, "finance.sync"]);
    assertEquals(otherSchedules, []);
    const [nightly] = await runShell(String(schedule).replaceAll(API, program.url));
    assertEquals(nightly?.cron, "0 2 * * *");
    const [sole] = await runShell(unique.replaceAll(API, program.url));
    assert(sole?.id, JSON.stringify(sole));

    const [approval, order, samples, mails, credits, ...otherSamples] = blocks("sh", "/actors");
    assertEquals(otherSamples, []);
    const [started, approved, past] = await runShell(
      String(approval).replaceAll(API, program.url),
    );
    assertEquals([started?.state, approved?.outcome], ["pending.waiting", "handled"]);
    assertEquals(eventsOf(past), ["1 START pending.waiting", "2 APPROVE approved"]);
    const [ordered, waiting, picked, packed, shipped, way] = await runShell(
      String(order).replaceAll(API, program.url),
    );
    assertEquals([ordered?.id, ordered?.machine], ["o-1", "order"]);
    assert(String(waiting?.state).includes("picking"), JSON.stringify(waiting));
    assertEquals([picked?.outcome, packed?.outcome], ["handled", "handled"]);
    assertEquals([shipped?.state, Object(shipped?.output).tracking], ["shipped", "parcel:o-1"]);
    assertEquals(eventsOf(way).map((line) => line.split(" ")[1]), [
      ...["START", "xstate.done.actor.reserve", "xstate.done.actor.charge"],
      ...["PICKED", "PACKED", "xstate.done.actor.ship"],
    ]);
    const [subscribed, subscription, campaign, same] = await runShell(
      String(samples).replaceAll(API, program.url),
    );
    assertEquals([subscribed?.id, subscribed?.state], ["ada/gold", "trial"]);
    assertEquals(subscription?.id, "ada/gold");
    assertEquals([campaign?.machine, same?.id], ["campaign", "spring"]);
    const [, granted] = await runShell(String(credits).replaceAll(API, program.url));
    assertEquals(Object(granted?.output).granted, { customers: 2, total: 1000 });
    const [spared, , summer] = await runShell(String(mails).replaceAll(API, program.url));
    assertEquals([spared?.ratePerMinute, spared?.concurrency], [600, 5]);
    const { sent, failed, errors: [error] } = Object(summer?.output);
    assertEquals([sent, failed, error?.to], [2, 1, "not an address"]);
  },
});

function eventsOf(history: Record<string, unknown> | undefined): string[] {
  const items = Array.isArray(history?.items) ? history.items : [];
  return items.map(({ version, event, to }) => `${version} ${event} ${to}`);
}

Deno.test("the README's program runs, and its row is there once", async () => {
  await using database = await emptyDatabase();
  const [table, ...otherTables] = blocks("sql", "create table");
  const [program, ...otherPrograms] = blocks("ts", "import");
  assert(table && program && otherTables.length + otherPrograms.length === 0, "one of each");
  const sql = postgres(database.url, { max: 1, onnotice: () => {} });
  await sql.unsafe(table);
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, program);
  try {
    const config = new URL("deno.json", ROOT).pathname;
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      // guides_test.ts checks its types, together with those of the handbook's.
      args: ["run", "-A", "--no-check", `--config=${config}`, file],
      env: { DATABASE_URL: database.url, NO_COLOR: "1" },
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(SHELL_MS_MAX),
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    const receipt = "4200 cents under 36 characters of key";
    assertEquals(new TextDecoder().decode(stdout).trim(), `{ receipt: "${receipt}" }`);
    assertEquals(Array.from(await sql`select receipt from payment`), [{ receipt }]);
    const [entry = ""] = blocks("sql", "select perdura.enqueue");
    const [row] = await sql.unsafe(entry);
    assertMatch(String(row?.enqueue), /^[0-9a-f-]{36}$/);
    const [calls = ""] = blocks("sql", "perdura.start_actor");
    const answers = await sql.unsafe(calls);
    assertEquals(answers.flat().map((each) => Object.keys(each)), [["start_actor"], ["send"]]);
  } finally {
    await sql.end();
    await Deno.remove(file);
  }
});

Deno.test("the README's two commands are tasks of deno.json", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const [commands] = blocks("sh", "npx");
  const named = Array.from(String(commands).matchAll(/^npx --yes deno@2\.9\.6 task (\w+)$/gm));
  assertEquals(named.map(([, task]) => String(task)), ["start", "test"]);
  for (const [, task] of named) assert(String(task) in tasks);
});
