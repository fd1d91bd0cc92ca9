/** The body of a request for one job, with what of it stands outside: its tenant and its key. */
import type { Context } from "hono";
import { InvalidInputError, MalformedError } from "../core/errors.ts";
import { readIdempotencyKey, readJson } from "./request.ts";
import { JOB_BYTES_MAX, tenantOf, withTenant } from "./resource.ts";
import type { Call } from "./route.ts";

/** @throws {PerduraError} It cannot be read, or says otherwise than the query, the header or the credential. */
export async function readNewJob(
  call: Call<{ tenantId?: string | undefined }>,
): Promise<unknown> {
  const key = readIdempotencyKey(call.c);
  const body = await readJson(call.c, JOB_BYTES_MAX);
  return withKey(withTenant(body, tenantOf(call)), key);
}

/** The key of the header is the body's, unless the body names another; null names none. */
function withKey(input: unknown, key: string | null): unknown {
  if (key === null || typeof input !== "object" || input === null) return input;
  if (Array.isArray(input)) return input;
  const own = "idempotencyKey" in input ? input.idempotencyKey ?? key : key;
  if (own !== key) {
    const message = "Differs from the header Idempotency-Key";
    throw new InvalidInputError([{ path: "idempotencyKey", message }]);
  }
  return { ...input, idempotencyKey: key };
}

/** A batch has a key for each job, and none for all. @throws {MalformedError} */
export function demandNoKey(c: Context): void {
  if (readIdempotencyKey(c) === null) return;
  throw new MalformedError("A batch takes no Idempotency-Key; give each job an idempotencyKey");
}
