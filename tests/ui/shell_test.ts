import { assertEquals } from "@std/assert";
import { askedFirst } from "../../src/ui/app/asked_first.ts";
import { Shell } from "../../src/ui/shell.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const files = Object.entries({
  "main.js": 'import{a}from"./chunk-A.js";import("./job-J.js");import("./instances_page-I.js")',
  "chunk-A.js": "export const a=1",
  "job-J.js": 'import"./chunk-B.js";import{a}from"./chunk-A.js";import("./tree-T.js")',
  "chunk-B.js": 'export*from"./chunk-C.js"',
  "chunk-C.js": "",
  "instances_page-I.js": "",
  "tree-T.js": "",
});

Deno.test("a document names the modules that its address needs, and no others", () => {
  const shell = new Shell({
    hash: "h",
    files: new Map(files.map(([name, text]) => [name, { type: "", bytes: bytes(text) }])),
  });
  const named = (path: string) =>
    Array.from(
      shell.of(path).matchAll(/modulepreload" href="\/ui\/assets\/h\/([^"]*)"/g),
      (m) => m[1],
    )
      .toSorted();
  const all = ["chunk-A.js", "chunk-B.js", "chunk-C.js", "job-J.js"];
  assertEquals(named("/ui/jobs/one%2Ftwo"), all);
  assertEquals(named("/ui/jobs"), ["chunk-A.js", "instances_page-I.js"]);
  assertEquals(named("/ui/jobs/"), ["chunk-A.js", "instances_page-I.js"]);
  assertEquals(named("/ui/nothing/such"), ["chunk-A.js"]);
  assertEquals(named("/ui/"), ["chunk-A.js"]);
  // The frame's own modules are asked for before the page's.
  const job = shell.of("/ui/jobs/one");
  const places = ["chunk-A.js", "main.js", "job-J.js", "chunk-C.js"].map((name) =>
    job.indexOf(name)
  );
  assertEquals(places, places.toSorted((a, b) => a - b));
});

Deno.test("each module of the pages is named for some address", async () => {
  const main = await Deno.readTextFile(new URL("../../src/ui/app/main.tsx", import.meta.url));
  const modules = Array.from(
    main.matchAll(/import\("\.\/(\w+)\.tsx"\)/g),
    ([, name = ""]) => `${name}-X.js`,
  );
  const text = modules.map((file) => `import("./${file}")`).join(";");
  const shell = new Shell({
    hash: "h",
    files: new Map([["main.js", { type: "", bytes: bytes(text) }]]),
  });
  const pages = [
    "",
    "machines",
    "machines/m",
    "jobs",
    "jobs/j",
    "actors",
    "actors/a",
    "compare/a",
    "queues",
  ];
  const documents = pages.map((page) => shell.of(`/ui/${page}`)).join();
  assertEquals(modules.filter((file) => !documents.includes(`/${file}"`)), []);
  assertEquals(modules.length, new Set(documents.match(/[\w]+-X\.js/g)).size);
});

Deno.test("what a page asks the API for first follows from its address", () => {
  const asked = (path: string) => askedFirst(new URL(`http://any.example/ui/${path}`)).slice(1);
  assertEquals(askedFirst(new URL("http://any.example/ui/")), ["/ui/session"]);
  for (const path of ["jobs", "jobs/", "machines/order", "a/b"]) {
    assertEquals(asked(path), [], path);
  }
  assertEquals(asked("actors/a%2Fb?step=3&tab=raw"), [
    "/actors/a%2Fb",
    "/actors/a%2Fb/transitions?cursor=0&limit=40",
  ]);
  assertEquals(asked("actors/a/b%20c?tenantId=x%3E%2C&step=-1"), [
    "/actors/a%2Fb%20c?tenantId=x%3E%2C",
    "/actors/a%2Fb%20c/transitions?last=40&tenantId=x%3E%2C",
  ]);
  assertEquals(asked("jobs/7?step=100&tenantId=x"), [
    "/jobs/7",
    "/jobs/7/transitions?cursor=80&limit=40",
    "/machines/job",
  ]);
  // Not a name that can be read: what it comes to is for the page to say.
  assertEquals(asked("jobs/%E0")[0], "/jobs/%25E0");
});
