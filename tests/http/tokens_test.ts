/** JSON Web Tokens: whose they are, and all the ways not to believe them. */
import { assertEquals, assertRejects } from "@std/assert";
import { exportJWK, exportPKCS8, generateKeyPair, importPKCS8, SignJWT } from "jose";
import { systemClock } from "../../src/core/clock.ts";
import { UnauthenticatedError, UnavailableError } from "../../src/core/errors.ts";
import { permitBearer } from "../../src/http/access.ts";
import { createApp } from "../../src/http/app.ts";
import { Tokens } from "../../src/http/tokens.ts";
import { Gatekeeper } from "../../src/runtime/gatekeeper.ts";
import { createRuntime } from "perdura";
import { debugHandlers } from "../../handlers/debug.ts";
import { testDatabase } from "../support/database.ts";

const ISSUER = "https://issuer.example";
const AUDIENCE = "perdura";

/** An issuer with one RSA key, on a port of this machine. */
async function issuer() {
  const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
  // What it may be used for is not said: the rules of the door have to.
  const jwk = { ...await exportJWK(publicKey), kid: "k1" };
  const served = { asked: 0, body: JSON.stringify({ keys: [jwk] }), status: 200 };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    served.asked++;
    return new Response(served.body, { status: served.status });
  });
  const jwksUrl = `http://127.0.0.1:${server.addr.port}/keys`;
  const door = (clock = systemClock) =>
    new Tokens(
      { jwksUrl, issuer: ISSUER, audience: AUDIENCE, algorithm: "RS256", tenantClaim: "tenant" },
      clock,
    );
  const token = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}) =>
    new SignJWT({ scope: "read enqueue openid", tenant: "acme", ...claims })
      .setProtectedHeader({ alg: "RS256", kid: "k1", ...header })
      .setIssuer(String(claims.iss ?? ISSUER)).setAudience(String(claims.aud ?? AUDIENCE))
      .setSubject(String(claims.sub ?? "ada")).setExpirationTime(
        claims.exp === undefined ? "5m" : Number(claims.exp),
      );
  return {
    served,
    door,
    jwk,
    privateKey,
    sign: (claims?: Record<string, unknown>, header?: Record<string, unknown>) =>
      token(claims, header).sign(privateKey),
    token,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const text = (value: unknown) =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
const encoded = (value: unknown) =>
  text(value).toBase64({ alphabet: "base64url", omitPadding: true });

Deno.test("a token gives the tenant, the scopes of ours, and who sent it", async () => {
  await using from = await issuer();
  const access = await from.door().admit(await from.sign());
  assertEquals([access.actor, access.tenantId, [...access.scopes].toSorted()], [
    "jwt ada",
    "acme",
    ["enqueue", "read"],
  ]);
  const platform = await from.door().admit(
    await from.sign({ scope: "platform", tenant: undefined }),
  );
  assertEquals([platform.tenantId, [...platform.scopes]], [null, ["platform"]]);
});

Deno.test("what is not a good token is refused with the same words", async () => {
  await using from = await issuer();
  const door = from.door();
  const good = await from.sign();
  const [header = "", payload = "", signature = ""] = good.split(".");
  const now = Math.floor(Date.now() / 1000);
  const stranger = await generateKeyPair("RS256");
  // The classic: HMAC with what everybody knows, the public key.
  const confused = await from.token({}, { alg: "HS256" }).sign(text(JSON.stringify(from.jwk)));
  const bad = {
    "alg none": `${encoded({ alg: "none" })}.${payload}.`,
    "alg None": `${encoded({ alg: "None", kid: "k1" })}.${payload}.${signature}`,
    "HS256 with the public key": confused,
    "another algorithm of the same key": await from.token({}, { alg: "PS256" })
      .sign(await importPKCS8(await exportPKCS8(from.privateKey), "PS256")),
    "another's signature": await from.token().sign(stranger.privateKey),
    "an unknown kid": await from.token({}, { kid: "k2" }).sign(stranger.privateKey),
    "a subject that no audit can tell": await from.sign({ sub: "ada\0" }),
    "a subject without an end": await from.sign({ sub: "a".repeat(256) }),
    "the wrong audience": await from.sign({ aud: "others" }),
    "the wrong issuer": await from.sign({ iss: "https://evil.example" }),
    "without an end": await new SignJWT({ scope: "read", tenant: "acme" })
      .setProtectedHeader({ alg: "RS256", kid: "k1" })
      .setIssuer(ISSUER).setAudience(AUDIENCE).setSubject("ada").sign(from.privateKey),
    "of nobody": await from.sign({ sub: "" }),
    "expired": await from.sign({ exp: now - 60 }),
    "not begun": await from.sign({ nbf: now + 600 }),
    "no tenant": await from.sign({ tenant: undefined }),
    "a tenant that is no name": await from.sign({ tenant: "a'; drop" }),
    "a platform token with a tenant": await from.sign({ scope: "platform" }),
    "a changed payload": `${header}.${encoded({ tenant: "b", exp: now + 60 })}.${signature}`,
    "no token": "x.y.z",
    "nothing": "x",
  };
  const words = new Set<string>();
  for (const [what, sent] of Object.entries(bad)) {
    const error = await assertRejects(() => door.admit(sent), UnauthenticatedError, "", what);
    words.add(error.message);
  }
  assertEquals(words.size, 1);
  assertEquals((await door.admit(good)).tenantId, "acme");
});

Deno.test("keys of the issuer are fetched once, whatever is sent, and are bounded", async () => {
  await using from = await issuer();
  const door = from.door();
  const stranger = await generateKeyPair("RS256");
  await door.admit(await from.sign());
  for (let i = 0; i < 20; i++) {
    const forged = await from.token({}, { kid: `k${i + 2}` }).sign(stranger.privateKey);
    await assertRejects(() => door.admit(forged), UnauthenticatedError);
  }
  assertEquals(from.served.asked, 1);
  from.served.body = JSON.stringify({ keys: [], padding: "x".repeat(300_000) });
  const sent = await from.sign();
  await assertRejects(() => from.door().admit(sent), UnavailableError);
  from.served.status = 500;
  await assertRejects(() => from.door().admit(sent), UnavailableError);
});

Deno.test("a token that was believed is not believed beyond its end", async () => {
  await using from = await issuer();
  let at = Date.now();
  const door = from.door({ ...systemClock, now: () => at });
  const sent = await from.sign({ exp: Math.floor(at / 1000) + 2 });
  await door.admit(sent);
  // Over for less than clocks may differ by: good, and no longer than that.
  at += 5_000;
  await door.admit(sent);
  at += 2_500;
  await assertRejects(() => door.admit(sent), UnauthenticatedError);
});

Deno.test("a token opens the API to its tenant and its scopes; a bad one opens nothing", async () => {
  await using from = await issuer();
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, handlers: debugHandlers });
  const permit = permitBearer(new Gatekeeper(db.store.keys, systemClock), from.door());
  const { jobs } = runtime;
  const app = createApp({ jobs, permit, isWritable: () => runtime.isWritable() });
  const post = async (token: string, job = {}) => {
    const response = await app.request("/jobs", {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ type: "debug.noop", ...job }),
    });
    const { tenantId, code } = await response.json();
    return [response.status, tenantId ?? code];
  };
  const good = await from.sign();
  assertEquals(await post(good), [201, "acme"]);
  assertEquals(await post(good, { tenantId: "other" }), [422, "invalid_input"]);
  assertEquals(await post(await from.sign({ scope: "read" })), [403, "forbidden"]);
  assertEquals(await post(await from.sign({ aud: "others" })), [401, "unauthenticated"]);
  assertEquals(await post(`${good.slice(0, -4)}AAAA`), [401, "unauthenticated"]);
  const [count] = await db.sql`select count(*)::int as n from perdura.job`;
  assertEquals(count?.n, 1);
});
