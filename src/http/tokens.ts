/**
 * JSON Web Tokens: who sends one is who its issuer says.
 *
 * The algorithm is pinned, asymmetric, and never read from the token: neither `none` nor an HMAC made
 * with a public key can pass (RFC 8725, sections 2.1 and 3.1). The keys come from one fixed address,
 * are cached, and are asked for again at most every half minute, whatever `kid` a token names.
 */
import { getLogger } from "@logtape/logtape";
import { createRemoteJWKSet, customFetch, errors, type JWTPayload, jwtVerify } from "jose";
import { type Access, isOfAll, type JWT_ALGORITHMS, SCOPES } from "../core/access.ts";
import type { Clock } from "../core/clock.ts";
import { UnauthenticatedError, UnavailableError } from "../core/errors.ts";
import { nameSchema } from "../core/forms.ts";

/** What a token is measured by. */
export interface TokenRules {
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly audience: string;
  readonly algorithm: typeof JWT_ALGORITHMS[number];
  /** Names the tenant; a token with the scope `platform` has none. */
  readonly tenantClaim: string;
}

const log = getLogger(["perdura", "http"]);

const BELIEVED_MS = 3_000;
const KNOWN_MAX = 10_000;
const JWKS_BYTES_MAX = 256 * 1024;
const JWKS_MS_MAX = 5_000;
/** Clocks of issuers and ours may differ by so much. */
const TOLERANCE_S = 5;

/** Lets in who brings a token. */
export class Tokens {
  readonly #rules: TokenRules;
  readonly #clock: Clock;
  readonly #keys: ReturnType<typeof createRemoteJWKSet>;
  readonly #known = new Map<string, { readonly access: Access; readonly until: number }>();

  constructor(rules: TokenRules, clock: Clock) {
    this.#rules = rules;
    this.#clock = clock;
    this.#keys = createRemoteJWKSet(new URL(rules.jwksUrl), {
      timeoutDuration: JWKS_MS_MAX,
      [customFetch]: fetchBounded,
    });
  }

  /**
   * What the token gives access to.
   *
   * @throws {UnauthenticatedError} Not a token, another algorithm, issuer or audience, a signature that
   *   is none, over or not begun, without a tenant: all the same.
   * @throws {UnavailableError} The keys of the issuer cannot be had.
   */
  async admit(text: string): Promise<Access> {
    const known = this.known(text);
    if (known) return known;
    const payload = await this.#verify(text);
    const access = accessOf(payload, this.#rules.tenantClaim);
    if (!access) throw refusal();
    const endsAt = (payload.exp ?? 0) * 1000;
    this.#remember(text, access, Math.min(this.#clock.now() + BELIEVED_MS, endsAt));
    return access;
  }

  /** The same without asking anybody; null: `admit` has to. */
  known(text: string): Access | null {
    const known = this.#known.get(text);
    return known && this.#clock.now() < known.until ? known.access : null;
  }

  async #verify(text: string): Promise<JWTPayload> {
    const { issuer, audience, algorithm } = this.#rules;
    try {
      const { payload } = await jwtVerify(text, this.#keys, {
        issuer,
        audience,
        algorithms: [algorithm],
        requiredClaims: ["exp", "sub"],
        clockTolerance: TOLERANCE_S,
        currentDate: new Date(this.#clock.now()),
      });
      return payload;
    } catch (error) {
      if (!isKeysFailure(error)) throw refusal();
      log.error("The keys of the issuer cannot be had", { error });
      throw new UnavailableError("Tokens cannot be checked now");
    }
  }

  #remember(text: string, access: Access, until: number): void {
    this.#known.delete(text);
    this.#known.set(text, { access, until });
    const [oldest] = this.#known.keys();
    if (this.#known.size > KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest);
  }
}

function refusal(): UnauthenticatedError {
  return new UnauthenticatedError("The token is not good here, or no longer");
}

/** What a token is refused for says something of the token; the rest says something of the issuer. */
function isKeysFailure(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return true;
  return error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid ||
    error.code === "ERR_JOSE_GENERIC";
}

/** What the audit will say who it was. OpenID Connect Core 1.0, section 2, allows 255 characters. */
const SUBJECT = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/** Scopes of other APIs are passed over; one of ours has to be there. */
function accessOf(payload: JWTPayload, tenantClaim: string): Access | null {
  const { scope = "", sub = "" } = payload;
  if (!SUBJECT.test(sub)) return null;
  const words = Array.isArray(scope) ? scope : String(scope).split(" ");
  const scopes = new Set(SCOPES.filter((name) => words.includes(name)));
  const named = payload[tenantClaim];
  const tenant = nameSchema.safeParse(named);
  const ofAll = isOfAll([...scopes]);
  if (ofAll === null || (ofAll ? named !== undefined : !tenant.success)) return null;
  return { actor: `jwt ${sub}`, tenantId: ofAll ? null : tenant.data ?? null, scopes };
}

/** One address, no redirects, and no more bytes than keys can have. */
async function fetchBounded(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...init, redirect: "error" });
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > JWKS_BYTES_MAX) throw new errors.JWKSInvalid("The key set is too large");
    chunks.push(chunk);
  }
  return new Response(new Blob(chunks), { status: response.status, headers: response.headers });
}
