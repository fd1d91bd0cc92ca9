/** `keys`, as a script uses it. */
import { assertEquals, assertMatch } from "@std/assert";
import { perdura } from "./command.ts";
import { testDatabase } from "../support/database.ts";

Deno.test("a key is made and rotated in JSON, as the API answers it; --if-none says null where there is one", async () => {
  await using db = await testDatabase();
  const env = { DATABASE_URL: db.url };
  const made = await perdura([
    "keys",
    "create",
    "--name",
    "ci",
    "--tenant",
    "a",
    "--scopes",
    "read",
    "--json",
  ], env);
  assertEquals([made.code, made.lines], [0, []]);
  const { id, key, name, scopes, isLive } = JSON.parse(made.stdout);
  assertEquals([name, scopes, isLive], ["ci", ["read"], true]);
  assertMatch(key, /^perdura_/);
  const rotated = await perdura(["keys", "rotate", id, "--json"], env);
  const next = JSON.parse(rotated.stdout);
  assertEquals([next.name, next.id === id, next.key === key], ["ci", false, false]);
  const first = await perdura(["keys", "create", "--if-none", "--json"], env);
  assertMatch(JSON.parse(first.stdout).key, /^perdura_/);
  const second = await perdura(["keys", "create", "--if-none", "--json"], env);
  assertEquals([second.code, JSON.parse(second.stdout)], [0, null]);
});
