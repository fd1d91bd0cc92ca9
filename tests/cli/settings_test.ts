/** Settings: their defaults are CONTRACT's, and a wrong one is named, shown unless it is a secret. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { SettingsError } from "../../src/cli/errors.ts";
import { readSettings, settingsSchema } from "../../src/cli/settings.ts";

/** One line per mistake. */
function mistakes(environment: Record<string, string>): string[] {
  return assertThrows(() => readSettings(environment), SettingsError).message.split("\n");
}

Deno.test("readSettings() gives the defaults of CONTRACT", () => {
  assertEquals(readSettings({}), {
    HOST: "127.0.0.1",
    PORT: 8000,
    DATABASE_URL: null,
    DATABASE_POOLER: "none",
    DATABASE_DIRECT_URL: null,
    PERDURA_STATE_DIR: ".perdura",
    AUTH: "none",
    AUTH_JWKS_URL: null,
    AUTH_ISSUER: null,
    AUTH_AUDIENCE: null,
    AUTH_ALGORITHM: "RS256",
    AUTH_TENANT_CLAIM: "tenant",
    REQUEST_HEADERS_MS: null,
    WORKER_CONCURRENCY: 100,
    WORKER_BATCH_SIZE: 1000,
    WORKER_POLL_MS: 1000,
    WORKER_LEASE_MS: 30_000,
    WORKER_QUEUES: null,
    WORKER_PARTITION_KEY: null,
    WORKER_TRANSACTION_ROLE: null,
    WORKER_HTTP_PORT: null,
    SWEEP_MS: 10_000,
    JOB_MAX_ATTEMPTS: 3,
    JOB_MAX_CRASHES: 3,
    RETRY_BASE_MS: 1000,
    RETRY_FACTOR: 2,
    RETRY_CAP_MS: 300_000,
    TENANT_RATE_PER_MINUTE: null,
    RETAIN_SUCCEEDED_DAYS: null,
    RETAIN_CANCELLED_DAYS: null,
    RETAIN_DEAD_LETTER_DAYS: null,
    RETAIN_HISTORY_DAYS: null,
    RETAIN_ACTOR_DAYS: null,
    RETAIN_OPERATION_DAYS: null,
    SHUTDOWN_MS: 10_000,
    SMTP_URL: null,
    EMAIL_FROM: "perdura@localhost",
    PERDURA_MODULES: null,
    PERDURA_HTTP_ALLOW: null,
    PERDURA_PAYLOAD_KEYS: null,
    PERDURA_DEBUG: null,
    LOG_LEVEL: "info",
  });
});

Deno.test("readSettings() reads what is set", () => {
  const settings = readSettings({
    HOST: "::1",
    PORT: "0",
    DATABASE_URL: "postgresql://u:p@db/x?sslmode=require",
    WORKER_QUEUES: " mail, , reports ",
    WORKER_PARTITION_KEY: "eu",
    RETRY_FACTOR: "1.5",
    PERDURA_DEBUG: "off",
    LOG_LEVEL: "warning",
    PATH: "/bin",
  });
  assertEquals([settings.HOST, settings.PORT], ["::1", 0]);
  assertEquals(settings.DATABASE_URL, "postgresql://u:p@db/x?sslmode=require");
  assertEquals(settings.WORKER_QUEUES, ["mail", "reports"]);
  assertEquals([settings.WORKER_PARTITION_KEY, settings.RETRY_FACTOR], ["eu", 1.5]);
  assertEquals([settings.PERDURA_DEBUG, settings.LOG_LEVEL], [false, "warning"]);
  assert(!("PATH" in settings));
});

Deno.test("readSettings() takes an empty value for none", () => {
  const empty = Object.fromEntries(Object.keys(settingsSchema.shape).map((name) => [name, " "]));
  assertEquals(readSettings({ ...empty, PERDURA_TYPO: "" }), readSettings({}));
});

const wrong: Readonly<Record<string, readonly string[]>> = {
  HOST: ["0.0.0.0", "::", "example.org", "192.168.1.1", "127.0.0.1.example.org", "127.1.evil"],
  PORT: ["65536", "-1", "80a", "1e3", "0x50", "8000.0"],
  AUTH: ["basic", "None"],
  AUTH_ALGORITHM: ["HS256", "none"],
  DATABASE_POOLER: ["session", "on"],
  WORKER_CONCURRENCY: ["0", "10001", "ten"],
  WORKER_BATCH_SIZE: ["0", "10001"],
  WORKER_POLL_MS: ["9", "60001"],
  WORKER_LEASE_MS: ["999", "3600001"],
  WORKER_QUEUES: [",", " , ,", "a b", "mail,-x"],
  WORKER_TRANSACTION_ROLE: ["Role", "a; drop table x"],
  WORKER_HTTP_PORT: ["65536", "http"],
  SWEEP_MS: ["99", "3600001"],
  JOB_MAX_ATTEMPTS: ["0", "1001"],
  JOB_MAX_CRASHES: ["0", "101"],
  RETRY_BASE_MS: ["0", "86400001"],
  RETRY_FACTOR: ["0.9", "10.1", "two", "-2", "1e1"],
  RETRY_CAP_MS: ["0", "31536000001"],
  TENANT_RATE_PER_MINUTE: ["0", "1000001", "ten"],
  RETAIN_SUCCEEDED_DAYS: ["0", "3651"],
  RETAIN_CANCELLED_DAYS: ["0", "3651"],
  RETAIN_DEAD_LETTER_DAYS: ["0", "3651"],
  RETAIN_HISTORY_DAYS: ["0", "ten"],
  RETAIN_ACTOR_DAYS: ["0", "1.5"],
  RETAIN_OPERATION_DAYS: ["0", "1.5"],
  SHUTDOWN_MS: ["99", "9999999999999"],
  EMAIL_FROM: ["nobody", "a@b\nBcc: c@d"],
  PERDURA_HTTP_ALLOW: ["https://example.com", "example.com:443", "*.example.com", "[::1]"],
  PERDURA_DEBUG: ["true", "1", "ON"],
  LOG_LEVEL: ["verbose", "INFO"],
};

for (const [name, values] of Object.entries(wrong)) {
  Deno.test(`readSettings() refuses a wrong ${name} by its name, with the value and what is wanted`, () => {
    for (const value of values) {
      const [line = "", ...more] = mistakes({ [name]: value });
      assertEquals(more, []);
      assertMatch(line, new RegExp(`^${name}: Must be `));
      assert(line.endsWith(`, not ${JSON.stringify(value)}`), line);
    }
  });
}

const secret: Readonly<Record<string, readonly string[]>> = {
  DATABASE_URL: [
    ...["hunter2", "mysql://u:hunter2@h/d", "postgres://", "postgres://a hunter2"],
    // What the parser of the driver would have thrown, with the password in its message.
    ...[
      "postgres://u:hunter2@h:port/d",
      "postgres://u:hunter2%@h/d",
      "postgres://u:hunter2/@h/d:x",
    ],
  ],
  SMTP_URL: ["hunter2", "https://u:hunter2@h", "smtp://u:hunter2@h:port", "smtp://u:hunter2%@h"],
};

for (const [name, values] of Object.entries(secret)) {
  Deno.test(`readSettings() refuses a wrong ${name} by its name, and does not show the value`, () => {
    for (const value of values) {
      const [line = "", ...more] = mistakes({ [name]: value });
      assertEquals(more, []);
      assertMatch(line, new RegExp(`^${name}: Must be an? .* address.*, not \\*\\*\\*$`));
    }
  });
}

Deno.test("readSettings() shows no password that stands where none is looked for, and no long value whole", () => {
  const jwks = mistakes({ AUTH_JWKS_URL: "http://u:hunter2@issuer.example/keys" });
  assertMatch(
    jwks[0] ?? "",
    /^AUTH_JWKS_URL: Must be an https address, not "http:\/\/\*\*\*@issuer/,
  );
  const [long = ""] = mistakes({ LOG_LEVEL: "x".repeat(10_000) });
  assert(long.length < 200, long);
});

Deno.test("readSettings() takes what Kubernetes says of the services beside it for no settings", () => {
  const links = {
    PERDURA_API_SERVICE_HOST: "10.0.0.1",
    PERDURA_API_SERVICE_PORT: "80",
    PERDURA_API_SERVICE_PORT_HTTP: "80",
    PERDURA_API_PORT: "tcp://10.0.0.1:80",
    PERDURA_API_PORT_80_TCP: "tcp://10.0.0.1:80",
    PERDURA_API_PORT_80_TCP_PROTO: "tcp",
  };
  assertEquals(readSettings(links), readSettings({}));
  const { PERDURA_API_SERVICE_HOST: _, ...alone } = links;
  assertEquals(mistakes(alone).length, 5);
});

Deno.test("readSettings() takes every number at its borders", () => {
  const low = readSettings({ WORKER_LEASE_MS: "1000", SWEEP_MS: "100", RETRY_FACTOR: "1" });
  assertEquals([low.WORKER_LEASE_MS, low.SWEEP_MS, low.RETRY_FACTOR], [1000, 100, 1]);
  assertEquals(readSettings({ PORT: "65535" }).PORT, 65535);
});

Deno.test("readSettings() serves without keys on loopback only", () => {
  for (const host of ["127.0.0.1", "127.8.9.10", "localhost", "::1"]) {
    assertEquals(readSettings({ HOST: host }).HOST, host);
  }
  assertEquals(mistakes({ HOST: "0.0.0.0" }).length, 1);
  assertEquals(readSettings({ HOST: "0.0.0.0", AUTH: "keys" }).HOST, "0.0.0.0");
});

Deno.test("readSettings() refuses unknown names with one of our prefixes, and no others", () => {
  const typos = [
    "PERDURA_STATEDIR",
    "WORKER_CONCURENCY",
    "SWEEP_SECONDS",
    "JOB_ATTEMPTS",
    "RETRY_X",
  ];
  const environment = Object.fromEntries(typos.map((name) => [name, "secret"]));
  const lines = mistakes(environment);
  assertEquals(lines.map((line) => line.split(";")[0]), typos.map((n) => `${n}: unknown setting`));
  assertEquals(lines[1], "WORKER_CONCURENCY: unknown setting; the nearest is WORKER_CONCURRENCY");
  assert(!lines.join().includes("secret"));
  readSettings({ DATABASE: "x", WORKERS: "x", MY_WORKER_NAME: "x", HOSTNAME: "x" });
});

Deno.test("readSettings() names every mistake at once, one line each", () => {
  const lines = mistakes({ PORT: "x", HOST: "0.0.0.0", SWEEP_MS: "1", PERDURA_X: "1" });
  assertEquals(lines.map((line) => line.split(":")[0]).sort(), [
    "HOST",
    "PERDURA_X",
    "PORT",
    "SWEEP_MS",
  ]);
});

Deno.test("every setting says what it is for", () => {
  for (const [name, schema] of Object.entries(settingsSchema.shape)) {
    assert((schema.description ?? "").length > 10, name);
  }
});

Deno.test("readSettings() wants of tokens everything or nothing", () => {
  const jwt = {
    AUTH: "jwt",
    AUTH_JWKS_URL: "https://issuer.example/keys",
    AUTH_ISSUER: "https://issuer.example",
    AUTH_AUDIENCE: "perdura",
  };
  assertEquals(readSettings(jwt).AUTH_ALGORITHM, "RS256");
  for (const name of ["AUTH_JWKS_URL", "AUTH_ISSUER", "AUTH_AUDIENCE"] as const) {
    assertEquals(mistakes({ ...jwt, [name]: "" }), [`${name}: AUTH=jwt needs it`]);
    assertEquals(mistakes({ [name]: jwt[name] }), [`${name}: Needs AUTH=jwt`]);
  }
  assertEquals(mistakes({ ...jwt, AUTH_ALGORITHM: "HS256" }).length, 1);
  assertEquals(mistakes({ ...jwt, AUTH_ALGORITHM: "none" }).length, 1);
  assertEquals(mistakes({ ...jwt, AUTH_JWKS_URL: "http://issuer.example/keys" }).length, 1);
  const keys = "k1:dG9vIHNob3J0";
  assert(!mistakes({ PERDURA_PAYLOAD_KEYS: keys }).join().includes("dG9v"));
});
