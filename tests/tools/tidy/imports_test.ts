import { assertEquals } from "@std/assert";
import { readImports, resolveImport } from "../../../tools/tidy/imports.ts";

const read = (text: string) =>
  readImports({ path: "src/core/x.ts", text })
    .map(({ specifier, typesOnly, line }) => `${line} ${specifier}${typesOnly ? " types" : ""}`);

Deno.test("readImports() finds every form, and nothing that only looks like one", () => {
  const text = `import a from "a1";
import * as b from 'a2';
import c, { d } from "a3";
import {
  type E,
  f,
} from "a4";
import type { G } from "a5";
export { h } from "a6";
export * from "a7";
export type { I } from "a8";
import sql from "./a9.sql" with { type: "text" };
import "a10";
await import("a11");
await import(\`npm:a12/\${os}\`);
// import x from "comment";
const text = 'import x from "string"';
export const y = Array.from("values");
`;
  assertEquals(read(text).toSorted((a, b) => parseInt(a) - parseInt(b)), [
    "1 a1",
    "2 a2",
    "3 a3",
    "4 a4",
    "8 a5 types",
    "9 a6",
    "10 a7",
    "11 a8 types",
    "12 ./a9.sql",
    "13 a10",
    "14 a11",
    "15 npm:a12/",
  ]);
});

Deno.test("resolveImport() says which file, package or module is meant", () => {
  const map = { perdura: "./mod.ts", hono: "npm:hono@^4" };
  const resolve = (specifier: string) => {
    const { kind, name } = resolveImport("src/core/x.ts", specifier, map);
    return `${kind} ${name}`;
  };
  assertEquals(
    [
      "./id.ts",
      "../../sql/mod.ts",
      "perdura",
      "hono/streaming",
      "@hono/zod-openapi",
      "npm:@a/b@1.2/c",
      "npm:zod@^4",
      "node:path",
      "https://a.example/b.ts",
    ].map(resolve),
    [
      "file src/core/id.ts",
      "file sql/mod.ts",
      "file mod.ts",
      "package hono",
      "package @hono/zod-openapi",
      "npm @a/b",
      "npm zod",
      "node node:path",
      "other https://a.example/b.ts",
    ],
  );
});
