/** What holds of every answer, whatever was asked. */
import { assert, assertEquals } from "@std/assert";
import { problems } from "../../src/http/problem.ts";

/** Asserts that an answer is a success of a known status, or a problem of a known code. */
export async function assertSound(response: Response, method: string): Promise<void> {
  const { status, headers } = response;
  const text = await response.text();
  const shown = `${status} ${text.slice(0, 500)}`;
  assert(status < 500, shown);
  assert(headers.get("x-request-id"), shown);
  assertEquals(headers.get("x-content-type-options"), "nosniff");
  if (status < 400) {
    assert([200, 201, 202, 204].includes(status), shown);
    return;
  }
  assertEquals(headers.get("content-type"), "application/problem+json");
  if (method === "HEAD") return;
  const body: unknown = JSON.parse(text);
  const { code, detail, errors } = Object(body);
  const known = Object.entries(problems).find(([name]) => name === code);
  assert(known, shown);
  // A stale If-Match is the one code with two statuses.
  const statuses = code === "version_conflict" ? [409, 412] : [known[1].status];
  assert(statuses.includes(status) && Object(body).status === status, shown);
  assert(typeof detail === "string" && detail.length > 0, shown);
  if (code !== "invalid_input" && code !== "unknown_type") return;
  assert(Array.isArray(errors) && errors.length > 0, shown);
}
