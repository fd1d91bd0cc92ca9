/** The router of the API finds what Hono's finds, asked for the first time and again. */
import { assertEquals } from "@std/assert";
import { TrieRouter } from "hono/router/trie-router";
import { KnownPaths } from "../../src/http/router.ts";

const table = [
  ["ALL", "/*"],
  ["GET", "/jobs"],
  ["POST", "/jobs"],
  ["ALL", "/jobs"],
  ["POST", "/jobs/batch"],
  ["GET", "/jobs/:id"],
  ["ALL", "/jobs/:id"],
  ["GET", "/actors/:id{.+}"],
] as const;
const methods = ["GET", "POST", "PUT", "OPTIONS", "BREW"];
const paths = [
  "/",
  "/jobs",
  "/jobs/",
  "/jobs/batch",
  "/jobs/7",
  "/actors/a/b",
  "/actors",
  "/nothing",
];

Deno.test("the router finds what Hono's does, also when it is asked again", () => {
  const [ours, theirs] = [new KnownPaths<string>(), new TrieRouter<string>()];
  for (const [method, path] of table) {
    ours.add(method, path, `${method} ${path}`);
    theirs.add(method, path, `${method} ${path}`);
  }
  for (const method of [...methods, ...methods]) {
    for (const path of paths) assertEquals(ours.match(method, path), theirs.match(method, path));
  }
});

Deno.test("what is added to the router after it was asked is found as well", () => {
  const router = new KnownPaths<string>();
  router.add("GET", "/jobs", "first");
  const found = () => router.match("GET", "/jobs")[0].map(([handler]) => handler);
  assertEquals(found(), ["first"]);
  router.add("ALL", "/*", "second");
  assertEquals(found(), ["first", "second"]);
});
