/** Signing in and out: a key for a session that no script can read. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { InvalidInputError, NotFoundError } from "../core/errors.ts";
import { readJson } from "../http/request.ts";

/** What signing in needs. */
export interface SignIn {
  /** Gives the token of a new session. @throws {PerduraError} */
  begin(key: string): Promise<string>;
  end(token: string): Promise<void>;
  /** @throws {ForbiddenError} The request comes from another page than ours. */
  demandOwnOrigin(c: Context): void;
  readonly cookie: string;
  readonly ttlMs: number;
}

/** Who looks, as the pages are told. */
export interface Seen {
  readonly tenantId: string | null;
  may(scope: "read" | "write" | "admin"): boolean;
}

const bodySchema = z.strictObject({ key: z.string().min(1).max(4096) });
const BODY_BYTES_MAX = 8_192;

/** `/ui/session`. Without `signIn` nobody signs in: everybody may everything. */
export function sessionRoutes(
  app: OpenAPIHono,
  admit: (c: Context) => Promise<Seen>,
  signIn: SignIn | null,
): void {
  app.get("/ui/session", async (c) => {
    const seen = await admit(c);
    const scopes = { read: true, write: seen.may("write"), admin: seen.may("admin") };
    const auth = signIn ? "keys" : "none";
    const name = tokenOf(c, signIn) === null ? null : "this session";
    return c.json({ auth, name, tenantId: seen.tenantId, scopes }, 200, {
      "cache-control": "no-store",
    });
  });
  app.post("/ui/session", async (c) => {
    if (!signIn) throw new NotFoundError("route", c.req.path);
    signIn.demandOwnOrigin(c);
    const token = await signIn.begin(await readKey(c));
    c.header("set-cookie", cookieOf(c, signIn, token, Math.floor(signIn.ttlMs / 1_000)));
    return c.body(null, 204);
  });
  app.delete("/ui/session", async (c) => {
    if (!signIn) throw new NotFoundError("route", c.req.path);
    signIn.demandOwnOrigin(c);
    const token = tokenOf(c, signIn);
    if (token !== null) await signIn.end(token);
    c.header("set-cookie", cookieOf(c, signIn, "", 0));
    return c.body(null, 204);
  });
}

async function readKey(c: Context): Promise<string> {
  const parsed = bodySchema.safeParse(await readJson(c, BODY_BYTES_MAX));
  if (!parsed.success) {
    throw new InvalidInputError([{ path: "key", message: "Must be an API key" }]);
  }
  return parsed.data.key;
}

function tokenOf(c: Context, signIn: SignIn | null): string | null {
  const header = c.req.header("cookie") ?? "";
  const found = header.split(/;\s*/).find((each) => each.startsWith(`${signIn?.cookie}=`));
  return found?.slice(found.indexOf("=") + 1) ?? null;
}

/** Where the request came by TLS, the cookie goes by TLS alone. */
function cookieOf(c: Context, { cookie }: SignIn, value: string, seconds: number): string {
  const isTls = new URL(c.req.url).protocol === "https:" ||
    c.req.header("x-forwarded-proto") === "https";
  const secure = isTls ? "; Secure" : "";
  return `${cookie}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
}
