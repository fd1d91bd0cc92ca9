/**
 * Every setting: name, default, form and reason, in one table.
 *
 * The table is checked as a whole at start, and the README's table is made from it. An unknown name
 * with one of our prefixes stops the start: it is a typing error that would be missed otherwise.
 */
import { z } from "zod";
import { JWT_ALGORITHMS } from "../core/access.ts";
import type { MachineDefinition } from "../core/actor/mod.ts";
import { nearest } from "../core/near.ts";
import type { TokenRules } from "../http/tokens.ts";
import type { Handler } from "../runtime/handlers.ts";
import type { MachineEntry } from "../runtime/machines.ts";
import { SettingsError } from "./errors.ts";
import {
  cipher,
  databaseUrl,
  decimal,
  files,
  flag,
  host,
  hosts,
  jwksUrl,
  names,
  optional,
  sender,
  smtpUrl,
  whole,
} from "./setting_forms.ts";

/** Without keys, only this machine may talk to the API. A name that only begins like one may not. */
const LOOPBACK = /^(localhost|::1|127(\.\d{1,3}){3})$/;
const levels = ["debug", "info", "warning", "error"] as const;

/** All settings, in the order of the README. */
export const settingsSchema = z.object({
  HOST: host
    .prefault("127.0.0.1").describe("Address of the API"),
  PORT: whole(0, 65535).prefault("8000").describe("Port of the API"),
  DATABASE_URL: optional(databaseUrl).describe("PostgreSQL 15 to 18; unset: the embedded server"),
  DATABASE_POOLER: z.enum(["none", "transaction"], "Must be none or transaction").prefault("none")
    .describe("transaction: DATABASE_URL is a pooler's, in transaction mode (PgBouncer)"),
  DATABASE_DIRECT_URL: optional(databaseUrl)
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
  REQUEST_HEADERS_MS: optional(whole(0, 600_000))
    .describe("Time to the end of first headers, 0: any; unset: 15000, with AUTH=none any"),
  WORKER_CONCURRENCY: whole(1, 10_000).prefault("100")
    .describe("Handlers at once; async I/O is the common case"),
  WORKER_BATCH_SIZE: whole(1, 10_000).prefault("1000")
    .describe("Most jobs per claim; claims grow to it under load"),
  WORKER_POLL_MS: whole(10, 60_000).prefault("1000").describe("Floor under the hints, jittered"),
  WORKER_LEASE_MS: whole(1000, 3_600_000).prefault("30000")
    .describe("Time-limited right to run a job, renewed at a third"),
  WORKER_QUEUES: optional(names).describe("Only these queues, separated by commas; unset: all"),
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
  RETAIN_OPERATION_DAYS: optional(whole(1, 3650))
    .describe("Days that operations which have ended are kept; unset: for ever"),
  SHUTDOWN_MS: whole(100, 3_600_000).prefault("10000").describe("From SIGTERM to the exit"),
  SMTP_URL: optional(smtpUrl)
    .describe("Mail server of email.send; unset: .eml files in the state directory"),
  EMAIL_FROM: sender.prefault("perdura@localhost").describe("Sender of email.send"),
  PERDURA_MODULES: optional(files)
    .describe("Your own modules, by commas: their handlers and machines run as well"),
  PERDURA_HTTP_ALLOW: optional(hosts)
    .describe("Hosts that http.request may call, separated by commas; unset: none"),
  PERDURA_PAYLOAD_KEYS: optional(cipher)
    .describe("Encrypt payloads and outputs: id:base64 by commas, the first encrypts"),
  PERDURA_DEBUG: optional(flag)
    .describe("on: registers debug.*; unset: off in `api` and `worker`, on elsewhere"),
  LOG_LEVEL: z.enum(levels, `Must be one of ${levels.join(", ")}`).prefault("info")
    .describe("JSON lines; readable on a terminal"),
});

/** What modules of the user's own export, alone or in lists. */
export interface OwnModules {
  readonly handlers: readonly Handler[];
  /** Versions of one machine in the order of the modules: new actors are of the last. */
  readonly machines: readonly (MachineDefinition | MachineEntry)[];
}

/** Checked settings by name. */
export type Settings = z.output<typeof settingsSchema> & {
  /** What `PERDURA_MODULES` export; not there before it is loaded. */
  readonly own?: OwnModules;
};

const OUR_PREFIXES = /^(AUTH|PERDURA|WORKER|SWEEP|JOB|RETRY|TENANT|RETAIN|SHUTDOWN)_/;
/** Their values hold passwords or keys. */
const SECRETS = new Set([
  "DATABASE_URL",
  "DATABASE_DIRECT_URL",
  "SMTP_URL",
  "PERDURA_PAYLOAD_KEYS",
]);
const SHOWN_CHARS = 60;

/**
 * Checks the environment. An empty value counts as unset.
 *
 * @throws {SettingsError} Names every wrong or unknown setting.
 */
export function readSettings(environment: Readonly<Record<string, string>>): Settings {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value.trim() !== ""),
  );
  const parsed = settingsSchema.safeParse(given);
  const problems = [
    ...unknownIn(given),
    ...(parsed.error?.issues.map(({ path: [name], message }) => {
      return `${String(name)}: ${message}, not ${shown(String(name), given)}`;
    }) ?? []),
    ...misfits(given),
  ];
  if (!parsed.success || problems.length > 0) throw new SettingsError(problems.join("\n"));
  return parsed.data;
}

/** Nobody knows what is in them: their values are not shown. */
function unknownIn(given: Readonly<Record<string, string>>): string[] {
  const known = Object.keys(settingsSchema.shape);
  const links = Object.keys(given).flatMap((name) => /^(\w+)_SERVICE_HOST$/.exec(name)?.[1] ?? []);
  // Kubernetes tells every container of the services beside it: PERDURA_API_PORT=tcp://10.0.0.1:80.
  const isLink = (name: string) =>
    links.some((link) => name.startsWith(`${link}_SERVICE_`) || name.startsWith(`${link}_PORT`));
  const unknown = Object.keys(given).filter((name) =>
    OUR_PREFIXES.test(name) && !known.includes(name) && !isLink(name)
  );
  return unknown.map((name) => {
    const [near] = nearest(name, known);
    return `${name}: unknown setting${near === undefined ? "" : `; the nearest is ${near}`}`;
  });
}

/** A value as it was given, in quotation marks, not too long; of a secret, nothing. */
function shown(name: string, given: Readonly<Record<string, string>>): string {
  const value = given[name] ?? "";
  if (SECRETS.has(name)) return "***";
  const masked = value.replace(/\/\/[^/@\s]*@/, "//***@");
  return JSON.stringify(
    masked.length > SHOWN_CHARS ? `${masked.slice(0, SHOWN_CHARS)}…` : masked,
  );
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
  const { AUTH = "none", HOST = "127.0.0.1", DATABASE_POOLER, DATABASE_DIRECT_URL } = given;
  const isJwt = AUTH === "jwt";
  return [
    ...(AUTH === "none" && !LOOPBACK.test(HOST)
      ? [`HOST: Must be a loopback address while AUTH is none, not ${shown("HOST", given)}`]
      : []),
    ...(DATABASE_DIRECT_URL !== undefined && DATABASE_POOLER !== "transaction"
      ? ["DATABASE_DIRECT_URL: Only with DATABASE_POOLER=transaction"]
      : []),
    ...WITH_JWT.filter((name) => isJwt && !given[name]).map((name) => `${name}: AUTH=jwt needs it`),
    ...WITH_JWT.filter((name) => !isJwt && given[name]).map((name) => `${name}: Needs AUTH=jwt`),
  ];
}
