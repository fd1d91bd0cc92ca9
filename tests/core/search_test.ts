/** The query language: what words mean, and how a mistake is pointed at. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { readActorQuery } from "../../src/core/actor_search.ts";
import { JOB_FIELDS, readJobQuery } from "../../src/core/job_search.ts";
import { QueryError } from "../../src/core/search.ts";
import { TERM_FIELDS } from "../../src/core/term.ts";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const DAY = 24 * 3600;
const seconds = (text: string) => Date.parse(text) / 1000;

/** The terms of a query in short: field, path, comparison, text or number, turned round. */
function termsOf(query: string) {
  return readJobQuery(query, NOW).terms.map((term) => [
    [term.field, ...term.path].join("."),
    term.comparison,
    term.number ?? term.text,
    ...(term.isNegated ? ["not"] : []),
  ]);
}

Deno.test("words become what a statement asks by itself, and terms", () => {
  const query = readJobQuery("state:retry,dead_letter type:email.send queue:mail tenant:acme", NOW);
  assertEquals(query.states, ["retry", "dead_letter"]);
  assertEquals([query.type, query.queue, query.tenant], ["email.send", "mail", "acme"]);
  assertEquals(query.terms, []);
  assertEquals(readJobQuery("fingerprint:ab12", NOW).fingerprint, "ab12");
  assertEquals(readJobQuery("-state:succeeded", NOW).states?.includes("succeeded"), false);
  assertEquals(readJobQuery("state!=retry state:retry,pending", NOW).states, ["pending"]);
  assertEquals(readJobQuery("", NOW).states, null);
});

const words: readonly (readonly [string, ...unknown[]])[] = [
  ["type:email.*", ["type", 0, "email.%"]],
  ['type:"email.*" type:x', ["type", 2, "x"]],
  ["-type:a", ["type", 2, "a", "not"]],
  ["type:100%*", ["type", 0, "100\\%%"]],
  ["tag:x -tag:y", ["tag", 2, "x"], ["tag", 2, "y", "not"]],
  ['error:"timed out"', ["error", 0, "%timed out%"]],
  ['error:"a \\"b\\""', ["error", 0, '%a "b"%']],
  ["payload.to:bob@example.org", ["payload.to", 2, "bob@example.org"]],
  ["payload.order.total>=10.5", ["payload.order.total", 6, 10.5]],
  ["output.status=200", ["output.status", 2, "200"]],
  ["output.status!=200", ["output.status", 2, "200", "not"]],
  ["payload.hey!:x", ["payload.hey!", 2, "x"]],
  ["attempt>=2 crashes>0 priority<-1", ["attempt", 6, 2], ["crashes", 4, 0], ["priority", 1, -1]],
  ["attempt:2", ["attempt", 2, 2]],
  ["key:k", ["key", 2, "k"]],
  ["created>2026-01-31", ["created", 6, seconds("2026-02-01T00:00:00Z")]],
  ["created<2026-01-31", ["created", 1, seconds("2026-01-31T00:00:00Z")]],
  ["created<=2026-01-31", ["created", 1, seconds("2026-02-01T00:00:00Z")]],
  ["finished:2026-01-31", ["finished", 6, seconds("2026-01-31")], [
    "finished",
    1,
    seconds("2026-01-31") + DAY,
  ]],
  ["due>=2026-01-31T10:00:00+01:00", ["due", 6, seconds("2026-01-31T09:00:00Z")]],
  ["started>2h", ["started", 4, NOW / 1000 - 7200]],
  ["plain words", ["text", 0, "%plain%"], ["text", 0, "%words%"]],
  ['"one phrase" -other', ["text", 0, "%one phrase%"], ["text", 0, "%other%", "not"]],
  ["https://example.org/x?y=1", ["text", 0, "%https://example.org/x?y=1%"]],
  ["100%", ["text", 0, "%100\\%%"]],
  ["4711 - a=b", ["text", 0, "%4711%"], ["text", 0, "%-%"], "error"],
];

for (const [query, ...expected] of words) {
  const isError = expected.at(-1) === "error";
  Deno.test(`"${query}" is ${isError ? "refused" : "read"}`, () => {
    if (isError) assertThrows(() => termsOf(query), QueryError);
    else assertEquals(termsOf(query), expected as typeof expected & ReturnType<typeof termsOf>);
  });
}

const mistakes: readonly (readonly [query: string, word: string, why: string])[] = [
  ["type:a colour:red", "colour:red", "no field"],
  ["type:a state:late", "state:late", "no state"],
  ["state>retry", "state>retry", "takes :"],
  ["tag:x attempt>many", "attempt>many", "not a number"],
  ["created>soon x", "created>soon", "RFC 3339"],
  ["created:2026-13-45", "created:2026-13-45", "RFC 3339"],
  ["created:2026-02-30", "created:2026-02-30", "RFC 3339"],
  ["due>2026-06-31T10:00:00Z x", "due>2026-06-31T10:00:00Z", "RFC 3339"],
  ['x tenant:"a b"', 'tenant:"a b"', "not a tenant's name"],
  ["payload:x", "payload:x", "Name a key"],
  ["type.x:1", "type.x:1", "no keys"],
  ["type:", "type:", "missing"],
  ['x error:"never', '"never', "no end"],
  ["tenant:a tenant:b", "tenant:b", "One tenant"],
  ["tenant:a*", "tenant:a*", "One tenant"],
  ["type>a", "type>a", "takes :"],
];

for (const [query, word, why] of mistakes) {
  Deno.test(`the mistake in '${query}' is pointed at`, () => {
    const error = assertThrows(() => readJobQuery(query, NOW), QueryError, why);
    assertEquals(query.slice(error.at, error.at + error.length), word);
  });
}

Deno.test("the time of creation bounds what is looked through", () => {
  const { createdFrom, createdTo } = readJobQuery("created>=2026-01-01 created<2026-02-01", NOW);
  assertEquals([createdFrom, createdTo], [Date.parse("2026-01-01"), Date.parse("2026-02-02")]);
  assertEquals(readJobQuery("-created<2026-01-01", NOW).createdTo, null);
});

Deno.test("queries about actors know machines, states and contexts", () => {
  const { machine, status, terms } = readActorQuery(
    "machine:order state:a.b context.total>5 status:active -status:done",
    0,
  );
  assertEquals([machine, status], ["order", "active"]);
  assertEquals(terms.map(({ field }) => field), ["state", "context", "status"]);
  assertThrows(() => readActorQuery("status:asleep", 0), QueryError, "statuses");
});

Deno.test("every field that is told of can be asked for", () => {
  const values = { choice: "retry", name: "x", text: "x", number: "1", time: "1h", json: "x" };
  for (const { name, kind } of JOB_FIELDS) {
    readJobQuery(`${name}${kind === "json" ? ".key" : ""}:${values[kind]}`, NOW);
  }
  const told = JOB_FIELDS.map(({ name }) => name);
  assertEquals(TERM_FIELDS.filter((field) => field !== "text" && !told.includes(field)), []);
});

Deno.test("whatever is typed is read or refused with a place in it", () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom(
      ...JOB_FIELDS.map(({ name }) => name),
      ":",
      ">=",
      '"',
      "-",
      ".",
      "*",
      " ",
      "\\",
    ),
  );
  fc.assert(fc.property(fc.array(piece).map((pieces) => pieces.join("")), (query) => {
    try {
      readJobQuery(query, NOW);
      readActorQuery(query, NOW);
    } catch (error) {
      assert(error instanceof QueryError, String(error));
      assert(error.at >= 0 && error.length > 0 && error.at + error.length <= query.length);
    }
  }));
});
