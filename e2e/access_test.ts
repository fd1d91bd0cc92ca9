/** Signing in with a key, and what those see who may only look. */
import { assert, assertEquals } from "@std/assert";
import {
  PATIENCE_MS,
  startBrowser,
  violationsEverywhere,
  whole,
} from "./browser.ts";
import { startProgram } from "./program.ts";

/** Makes a key by the command line. */
async function makeKey(
  stateDir: string,
  ...flags: readonly string[]
): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      new URL("../main.ts", import.meta.url).pathname,
      "keys",
      "create",
      ...flags,
    ],
    env: { PERDURA_STATE_DIR: stateDir, NO_COLOR: "1" },
  }).output();
  const [key] =
    /perdura_\w{32}_[\w-]{43}/.exec(new TextDecoder().decode(stdout)) ?? [];
  if (!key) throw new Error(`No key: ${new TextDecoder().decode(stderr)}`);
  return key;
}

Deno.test("who signs in", async (t) => {
  const dir = await Deno.makeTempDir({ prefix: "perdura-keys-" });
  await Deno.chmod(dir, 0o755);
  const stateDir = `${dir}/state`;
  const all = await makeKey(stateDir, "--name", "all", "--scopes", "platform");
  const reader = await makeKey(
    stateDir,
    "--name",
    "reader",
    "--scopes",
    "read",
    "--tenant",
    "default",
  );
  await using program = await startProgram({
    PERDURA_STATE_DIR: stateDir,
    AUTH: "keys",
  });
  const { url } = program;
  const browser = await startBrowser();
  const context = await browser.newContext({ reducedMotion: "reduce" });
  context.setDefaultTimeout(PATIENCE_MS);
  try {
    const headers = {
      authorization: `Bearer ${all}`,
      "content-type": "application/json",
    };
    const made = await fetch(`${url}/jobs`, {
      method: "POST",
      headers,
      body: JSON.stringify({ type: "debug.noop", delayMs: 3_600_000 }),
    });
    const { id } = await made.json();
    const page = await context.newPage();

    await t.step(
      "without a key there is the sign-in page, and wrong keys stay out",
      async () => {
        // On a slow way it comes when what the document has asked for early was refused long ago.
        await page.route(/\/job-\w+\.js$/, async (route) => {
          await page.waitForURL(/sign-in/);
          await route.continue();
        }, { times: 1 });
        await page.goto(`${url}/ui/jobs/${id}`);
        await page.waitForURL(/sign-in/);
        await page.getByLabel("API key").fill("perdura_wrong");
        await page.getByRole("button", { name: "Sign in" }).click();
        await page.locator("#toast.bad").waitFor();
        assertEquals(await violationsEverywhere(page, "sign-in"), []);
        assertEquals(await context.cookies(), []);
      },
    );

    await t.step(
      "a key becomes a session that no script can read",
      async () => {
        await page.getByLabel("API key").fill(reader);
        await page.getByRole("button", { name: "Sign in" }).click();
        await page.locator(".head [data-status=scheduled]").waitFor();
        const [cookie] = await context.cookies();
        assert(cookie?.httpOnly && cookie.sameSite === "Strict");
        assert(!cookie.value.includes("perdura_"), "it is not the key");
        assertEquals(await page.evaluate(() => document.cookie), "");
      },
    );

    await t.step(
      "who may only look sees no control, and is refused all the same",
      async () => {
        for (
          const path of [
            `jobs/${id}`,
            "queues",
            "dead-letters",
            "schedules",
            "operations",
          ]
        ) {
          await page.goto(`${url}/ui/${path}`);
          await page.locator("main h1").waitFor();
          await whole(page);
          assertEquals(
            await page.locator("main .actions button").count(),
            0,
            path,
          );
        }
        const status = await page.evaluate(async (path) => {
          const answer = await fetch(path, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ type: "CANCEL" }),
          });
          return answer.status;
        }, `/jobs/${id}/events`);
        assertEquals(status, 403);
      },
    );

    await t.step("a session serves its own pages only", async () => {
      const [cookie] = await context.cookies();
      const sent = { cookie: `${cookie?.name}=${cookie?.value}` };
      const read = await fetch(`${url}/jobs/${id}`, { headers: sent });
      assertEquals(read.status, 200);
      await read.body?.cancel();
      for (const origin of [null, "https://evil.example"]) {
        const answer = await fetch(`${url}/jobs`, {
          method: "POST",
          headers: {
            ...sent,
            ...origin === null ? {} : { origin },
            "content-type": "application/json",
          },
          body: JSON.stringify({ type: "debug.noop" }),
        });
        assertEquals(answer.status, 403);
        await answer.body?.cancel();
      }
    });

    await t.step("signing out ends the session everywhere", async () => {
      const [cookie] = await context.cookies();
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.waitForURL(/sign-in/);
      assertEquals(await context.cookies(), []);
      const sent = { cookie: `${cookie?.name}=${cookie?.value}` };
      const answer = await fetch(`${url}/jobs/${id}`, { headers: sent });
      assertEquals(answer.status, 401);
      await answer.body?.cancel();
    });

    await t.step("who tries many keys is slowed down", async () => {
      const tries = Array.from({ length: 25 }, async () => {
        const answer = await fetch(`${url}/ui/session`, {
          method: "POST",
          headers: { "content-type": "application/json", origin: url },
          body: JSON.stringify({ key: "perdura_wrong" }),
        });
        await answer.body?.cancel();
        return answer.status;
      });
      assert((await Promise.all(tries)).includes(429));
    });
  } finally {
    await browser.close();
  }
});
