/**
 * Every setting: name, default, form and reason, in one table.
 *
 * The table is checked as a whole at start, and the README's table is made from it. An unknown name
 * with one of our prefixes stops the start: it is a typing error that would be missed otherwise.
 */
import { z } from "zod";
import { Cipher, parseCipherKeys } from "../core/cipher.ts";
import { JWT_ALGORITHMS, type TokenRules } from "../http/tokens.ts";

const whole = (min: number, max: number) => {
  const message = `Must be a whole number from ${min} to ${max}`;
  return z.string().regex(/^\d{1,12}$/, message).transform(Number)
    .refine((n) => n >= min && n <= max, message);
};
const decimal = (min: number, max: number) => {
  const message = `Must be a number from ${min} to ${max}`;
  return z.string().regex(/^\d{1,6}(\.\d{1,6})?$/, message).transform(Number)
    .refine((n) => n >= min && n <= max, message);
};
const list = z.string().transform((value) =>
  value.split(",").map((item) => item.trim()).filter((item) => item !== "")
);
const flag = z.enum(["on", "off"], "Must be on or off").transform((value) => value === "on");
const address = z.string().regex(/^postgres(ql)?:\/\/\S+$/, "Must be a postgres:// address");
/** The mistake is told, the keys are not. */
const cipher = z.string().transform((text, context) => {
  try {
    return new Cipher(parseCipherKeys(text));
  } catch (error) {
    context.addIssue({ code: "custom", message: error instanceof Error ? error.message : "" });
    return z.NEVER;
  }
});
const jwksUrl = z.string().regex(
  /^https:\/\/\S+$|^http:\/\/(localhost|\[::1\]|127(\.\d{1,3}){3})[:/]\S*$/,
  "Must be an https address",
);
/** Without keys, only this machine may talk to the API. A name that only begins like one may not. */
const LOOPBACK = /^(localhost|::1|127(\.\d{1,3}){3})$/;
const levels = ["debug", "info", "warning", "error"] as const;

/** Unset is null, not undefined: a setting always has a value. */
function optional<T extends z.ZodType>(schema: T) {
  return schema.optional().transform((value) => value ?? null);
}

/** All settings, in the order of the README. */
export const settingsSchema = z.object({
  HOST: z.string()
    .prefault("127.0.0.1").describe("Address of the API"),
  PORT: whole(0, 65535).prefault("8000").describe("Port of the API"),
  DATABASE_URL: optional(address).describe("PostgreSQL 15 to 18; unset: the embedded server"),
  DATABASE_POOLER: z.enum(["none", "transaction"], "Must be none or transaction").prefault("none")
    .describe("transaction: DATABASE_URL is a pooler's, in transaction mode (PgBouncer)"),
  DATABASE_DIRECT_URL: optional(address)
    .describe("Past the pooler, for hints and migrations; unset: by polling, through the pooler"),
  PERDURA_STATE_DIR: z.string().prefault(".perdura").describe("Embedded server and outbox"),
  AUTH: z.enum(["none", "keys", "jwt"], "Must be none, keys or jwt").prefault("none")
    .describe("keys: every call sends a key; jwt: a key or a token; none: loopback only"),
  AUTH_JWKS_URL: optional(jwksUrl).describe("Where the keys of the tokens are; with AUTH=jwt"),
  AUTH_ISSUER: optional(z.string()).describe("`iss` of every token; with AUTH=jwt"),
  AUTH_AUDIENCE: optional(z.string()).describe("`aud` of every token; with AUTH=jwt"),
  AUTH_ALGORITHM: z.enum(JWT_ALGORITHMS, `Must be one of ${JWT_ALGORITHMS.join(", ")}`)
    .prefault("RS256").describe("The one algorithm that a token may be signed by"),
  AUTH_TENANT_CLAIM: z.string().prefault("tenant").describe("Claim that names the tenant"),
  WORKER_CONCURRENCY: whole(1, 10_000).prefault("100")
    .describe("Handlers at once; async I/O is the common case"),
  WORKER_BATCH_SIZE: whole(1, 10_000).prefault("1000")
    .describe("Most jobs per claim; claims grow to it under load"),
  WORKER_POLL_MS: whole(10, 60_000).prefault("1000").describe("Floor under the hints, jittered"),
  WORKER_LEASE_MS: whole(1000, 3_600_000).prefault("30000")
    .describe("Time-limited right to run a job, renewed at a third"),
  WORKER_QUEUES: optional(list).describe("Only these queues, separated by commas; unset: all"),
  WORKER_PARTITION_KEY: optional(z.string()).describe("Only jobs of this partition; unset: all"),
  WORKER_TRANSACTION_ROLE: optional(
    z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/, "Must be the name of a role in lower case"),
  ).describe("Role of context.transaction, so that row-level security binds it; unset: none"),
  WORKER_HTTP_PORT: optional(whole(0, 65535))
    .describe("Health and metrics of a worker process; unset: none"),
  SWEEP_MS: whole(100, 3_600_000).prefault("10000")
    .describe("How often expired leases are looked for"),
  JOB_MAX_ATTEMPTS: whole(1, 1000).prefault("3")
    .describe("Attempts before dead_letter; per type or job overridable"),
  JOB_MAX_CRASHES: whole(1, 100).prefault("3")
    .describe("Lost workers before dead_letter; per type or job overridable"),
  RETRY_BASE_MS: whole(1, 86_400_000).prefault("1000").describe("Delay after the first failure"),
  RETRY_FACTOR: decimal(1, 10).prefault("2").describe("Growth of the delay"),
  RETRY_CAP_MS: whole(1, 31_536_000_000).prefault("300000").describe("Longest delay"),
  TENANT_RATE_PER_MINUTE: optional(whole(1, 1_000_000))
    .describe("Starts of a tenant that has no rate of its own; unset: any number"),
  RETAIN_SUCCEEDED_DAYS: optional(whole(1, 3650))
    .describe("Days that succeeded jobs are kept; unset: for ever"),
  RETAIN_CANCELLED_DAYS: optional(whole(1, 3650))
    .describe("Days that cancelled jobs are kept; unset: for ever"),
  RETAIN_DEAD_LETTER_DAYS: optional(whole(1, 3650))
    .describe("Days that dead letters are kept; unset: for ever"),
  RETAIN_HISTORY_DAYS: optional(whole(1, 3650))
    .describe("Days that the history of jobs and actors is kept; unset: for ever"),
  RETAIN_ACTOR_DAYS: optional(whole(1, 3650))
    .describe("Days that actors which have ended are kept; unset: for ever"),
  SHUTDOWN_MS: whole(100, 3_600_000).prefault("10000").describe("From SIGTERM to the exit"),
  SMTP_URL: optional(z.string())
    .describe("Mail server of email.send; unset: .eml files in the state directory"),
  EMAIL_FROM: z.string().prefault("perdura@localhost").describe("Sender of email.send"),
  PERDURA_HTTP_ALLOW: optional(list)
    .describe("Hosts that http.request may call, separated by commas; unset: none"),
  PERDURA_PAYLOAD_KEYS: optional(cipher)
    .describe("Encrypt payloads and outputs: id:base64 by commas, the first encrypts"),
  PERDURA_DEBUG: optional(flag)
    .describe("on: registers debug.*; unset: on in `start`, off elsewhere"),
  LOG_LEVEL: z.enum(levels, `Must be one of ${levels.join(", ")}`).prefault("info")
    .describe("JSON lines; readable on a terminal"),
});

/** Checked settings by name. */
export type Settings = z.output<typeof settingsSchema>;

/** A setting is wrong: one line per mistake. Values are never shown: some are secrets. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

const OUR_PREFIXES = /^(AUTH|PERDURA|WORKER|SWEEP|JOB|RETRY|TENANT|RETAIN)_/;

/**
 * Checks the environment. An empty value counts as unset.
 *
 * @throws {SettingsError} Names every wrong or unknown setting.
 */
export function readSettings(environment: Readonly<Record<string, string>>): Settings {
  const given = Object.entries(environment).filter(([, value]) => value.trim() !== "");
  const unknown = given.filter(([name]) =>
    OUR_PREFIXES.test(name) && !(name in settingsSchema.shape)
  );
  const parsed = settingsSchema.safeParse(Object.fromEntries(given));
  const problems = [
    ...unknown.map(([name]) => `${name}: unknown setting`),
    ...(parsed.error?.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`) ?? []),
  ];
  const shown = Object.fromEntries(given);
  problems.push(...misfits(shown));
  if (shown.DATABASE_DIRECT_URL !== undefined && shown.DATABASE_POOLER !== "transaction") {
    problems.push("DATABASE_DIRECT_URL: Only with DATABASE_POOLER=transaction");
  }
  if (!parsed.success || problems.length > 0) throw new SettingsError(problems.join("\n"));
  return parsed.data;
}

/** What tokens are measured by; null: there are none. */
export function tokenRulesOf(settings: Settings): TokenRules | null {
  const { AUTH, AUTH_JWKS_URL: jwksUrl, AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience } = settings;
  if (AUTH !== "jwt" || !jwksUrl || !issuer || !audience) return null;
  const { AUTH_ALGORITHM: algorithm, AUTH_TENANT_CLAIM: tenantClaim } = settings;
  return { jwksUrl, issuer, audience, algorithm, tenantClaim };
}

const WITH_JWT = ["AUTH_JWKS_URL", "AUTH_ISSUER", "AUTH_AUDIENCE"] as const;

/** Settings that do not go together. */
function misfits(given: Readonly<Record<string, string>>): string[] {
  const { AUTH = "none", HOST = "127.0.0.1" } = given;
  const isJwt = AUTH === "jwt";
  return [
    ...(AUTH === "none" && !LOOPBACK.test(HOST)
      ? ["HOST: Must be a loopback address while AUTH is none"]
      : []),
    ...WITH_JWT.filter((name) => isJwt && !given[name]).map((name) => `${name}: AUTH=jwt needs it`),
    ...WITH_JWT.filter((name) => !isJwt && given[name]).map((name) => `${name}: Needs AUTH=jwt`),
  ];
}
