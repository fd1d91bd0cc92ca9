/** What bad events get: the codes of CONTRACT, the path of the mistake, and an unchanged job. */
import { assertEquals } from "@std/assert";
import { limits } from "../../src/core/limits.ts";
import type { problems } from "../../src/http/problem.ts";
import { assertProblem, errorPaths, jobIn, type RequestOptions, testApi } from "./support.ts";

interface BadEvent extends RequestOptions {
  readonly status: number;
  readonly code: keyof typeof problems;
  readonly paths?: readonly string[];
}

const json = { "content-type": "application/json" };

function wrong(json: unknown, ...paths: string[]): BadEvent {
  return { json, status: 422, code: "invalid_input", paths };
}

function malformed(body: string): BadEvent {
  return { body, headers: json, status: 400, code: "malformed" };
}

const events: Readonly<Record<string, BadEvent>> = {
  "an empty body": malformed(""),
  "half an object": malformed('{"type":"CANCEL"'),
  "two objects": malformed('{"type":"CANCEL"}{}'),
  "null": wrong(null, ""),
  "an array": wrong([{ type: "CANCEL" }], ""),
  "a text": wrong("CANCEL", ""),
  "no type": wrong({}, "type"),
  "a type of null": wrong({ type: null }, "type"),
  "an unknown type": wrong({ type: "EXPLODE" }, "type"),
  "a type in small letters": wrong({ type: "cancel" }, "type"),
  "a member of every object for a type": wrong({ type: "constructor" }, "type"),
  "SCHEDULE without a time": wrong({ type: "SCHEDULE" }, "runAt"),
  "SCHEDULE with two times": wrong(
    { type: "SCHEDULE", runAt: "2030-01-01T00:00:00Z", delayMs: 1 },
    "runAt",
  ),
  "SCHEDULE with a negative delay": wrong({ type: "SCHEDULE", delayMs: -1 }, "delayMs"),
  "SCHEDULE with a delay of more than ten years": wrong(
    { type: "SCHEDULE", delayMs: limits.delayMsMax + 1 },
    "delayMs",
  ),
  "SCHEDULE with a delay of text": wrong({ type: "SCHEDULE", delayMs: "1" }, "delayMs"),
  "SCHEDULE with a date": wrong({ type: "SCHEDULE", runAt: "2030-01-01" }, "runAt"),
  "SCHEDULE beyond the year 9999": wrong(
    { type: "SCHEDULE", runAt: "9999-12-31T23:59:59-00:01" },
    "runAt",
  ),
  "SCHEDULE with more": wrong({ type: "SCHEDULE", delayMs: 1, reason: "x" }, "reason"),
  "CANCEL with an empty reason": wrong({ type: "CANCEL", reason: "" }, "reason"),
  "CANCEL with a long reason": wrong({ type: "CANCEL", reason: "x".repeat(501) }, "reason"),
  "CANCEL with a reason of a number": wrong({ type: "CANCEL", reason: 1 }, "reason"),
  "CANCEL with NUL in its reason": wrong({ type: "CANCEL", reason: "a\0" }, "reason"),
  "CANCEL with a lone surrogate in its reason": {
    body: String.raw`{"type":"CANCEL","reason":"\ud800"}`,
    headers: json,
    status: 422,
    code: "invalid_input",
    paths: ["reason"],
  },
  "CANCEL with more": wrong({ type: "CANCEL", force: true }, "force"),
  "CANCEL with __proto__": {
    body: '{"type":"CANCEL","__proto__":{"reason":"x"}}',
    headers: json,
    status: 422,
    code: "invalid_input",
    paths: ["__proto__"],
  },
  "REQUEUE with more": wrong({ type: "REQUEUE", attempt: 0 }, "attempt"),
  "RETRY_NOW with more": wrong({ type: "RETRY_NOW", delayMs: 0 }, "delayMs"),
  "a worker's event of 65 levels": {
    body: `{"type":"SUCCEED","output":${"[".repeat(65)}${"]".repeat(65)}}`,
    headers: json,
    status: 422,
    code: "invalid_input",
  },
  "another content type": {
    body: '{"type":"CANCEL"}',
    headers: { "content-type": "text/plain" },
    status: 415,
    code: "unsupported_media_type",
  },
  "more than 64 KiB": {
    json: { type: "CANCEL", reason: "x".repeat(64 * 1024) },
    status: 413,
    code: "payload_too_large",
  },
};

Deno.test("POST /jobs/{id}/events refuses bad events, and changes nothing", async (t) => {
  await using api = await testApi();
  const id = await jobIn(api, "pending");
  const before = (await api.get(`/jobs/${id}`)).body;
  for (const [name, { status, code, paths, ...options }] of Object.entries(events)) {
    await t.step(name, async () => {
      const reply = await api.request("POST", `/jobs/${id}/events`, options);
      assertProblem(reply, status, code);
      if (paths) assertEquals(errorPaths(reply), [...paths]);
    });
  }
  assertEquals((await api.get(`/jobs/${id}`)).body, before);
});
