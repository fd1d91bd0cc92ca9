/** `email.send`: the mail as a file and over SMTP, and what may not get into a mail. */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { emailSend } from "../../handlers/email_send.ts";
import type { HandlerContext } from "perdura";
import { isOutcome } from "../../src/core/outcome.ts";
import { readMail, smtpSink } from "./mail.ts";

const ID = "01890000-0000-7000-8000-000000000001";
const FROM = "perdura@localhost";

/** What the handler uses of its context is the job's id. */
const context: HandlerContext = {
  job: {
    id: ID,
    tenantId: "default",
    type: "email.send",
    queue: "default",
    version: 2,
    attempt: 1,
    maxAttempts: 3,
    crashes: 0,
    createdAt: new Date(0),
    tags: [],
    metadata: null,
  },
  signal: new AbortController().signal,
  idempotencyKey: ID,
  log: () => {},
  progress: () => {},
  file: () => Promise.reject(new Error("not used")),
  step: () => Promise.reject(new Error("not used")),
  stepTransaction: () => Promise.reject(new Error("not used")),
  transaction: () => Promise.reject(new Error("not used")),
  lock: () => Promise.reject(new Error("not here")),
};

/** Runs the handler and gives its output. */
async function send(payload: object, options: { smtpUrl?: string; outboxDir?: string }) {
  const { smtpUrl = null, outboxDir = "/dev/null" } = options;
  const started = emailSend({ smtpUrl, outboxDir, from: FROM }).run(payload, context);
  assert(started.ok, JSON.stringify(started));
  return await started.value;
}

/** The paths of what is wrong with a payload. */
function mistakes(payload: unknown): string[] {
  const handler = emailSend({ smtpUrl: null, outboxDir: "/dev/null", from: FROM });
  return handler.check(payload, "payload").map((issue) => issue.path);
}

const mail = {
  to: "anna@example.org",
  subject: "Grüße 😀 from Perdura",
  body: "Erste Zeile\n\n.\n.a line with a dot\nFrom the start\nlast: 漢字 😀\n",
};

Deno.test("email.send without a server writes one .eml with what it was given", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const outboxDir = `${dir}/not/there/yet`;
    const output = await send(mail, { outboxDir });
    const file = `${outboxDir}/${ID}.eml`;
    assertEquals<unknown>(output, { messageId: `<${ID}@perdura.invalid>`, file });
    assertEquals([...Deno.readDirSync(outboxDir)].map(({ name }) => name), [`${ID}.eml`]);
    const { headers, body } = readMail(await Deno.readTextFile(file));
    assertEquals(headers.get("message-id"), `<${ID}@perdura.invalid>`);
    assertEquals([headers.get("from"), headers.get("to")], [FROM, mail.to]);
    assertEquals(headers.get("subject"), mail.subject);
    assertStringIncludes(headers.get("content-type") ?? "", "charset=utf-8");
    assertEquals(body.trimEnd(), mail.body.trimEnd());
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("email.send run again for the same job writes the same file again", async () => {
  const outboxDir = await Deno.makeTempDir();
  try {
    await send({ ...mail, body: "first" }, { outboxDir });
    await send({ ...mail, body: "second" }, { outboxDir });
    assertEquals([...Deno.readDirSync(outboxDir)].map(({ name }) => name), [`${ID}.eml`]);
    const { body } = readMail(await Deno.readTextFile(`${outboxDir}/${ID}.eml`));
    assertEquals(body.trimEnd(), "second");
  } finally {
    await Deno.remove(outboxDir, { recursive: true });
  }
});

Deno.test("email.send with a server delivers by SMTP, dots and all", async () => {
  await using server = smtpSink();
  const output = await send(mail, { smtpUrl: server.url });
  assertEquals<unknown>(output, { messageId: `<${ID}@perdura.invalid>`, sentTo: mail.to });
  const [delivered, ...others] = server.mails;
  assertEquals(others, []);
  assert(delivered);
  assertEquals([delivered.from, delivered.to], [FROM, [mail.to]]);
  const { headers, body } = readMail(delivered.data);
  assertEquals([headers.get("subject"), headers.get("to")], [mail.subject, mail.to]);
  assertEquals(headers.get("message-id"), `<${ID}@perdura.invalid>`);
  assertEquals(body.trimEnd(), mail.body.trimEnd());
});

Deno.test("email.send is tried again when the server says later, and not when it says no", async () => {
  await using later = smtpSink({ recipients: "451 Come back" });
  const error = await assertRejects(() => send(mail, { smtpUrl: later.url }), Error);
  assertStringIncludes(error.message, "451 Come back");
  await using never = smtpSink({ recipients: "550 No such mailbox" });
  const output = await send(mail, { smtpUrl: never.url });
  assert(isOutcome(output) && "error" in output && output.error instanceof Error);
  assertStringIncludes(output.error.message, "550 No such mailbox");
  assertEquals([...later.mails, ...never.mails], []);
});

Deno.test("email.send fails when there is no server at the address", async () => {
  const { url, [Symbol.asyncDispose]: close } = smtpSink();
  await close();
  const error = await assertRejects(() => send(mail, { smtpUrl: url }), Error);
  assertMatch(error.message, /ECONNREFUSED/);
});

Deno.test("email.send needs a recipient and a subject, and no more than it knows", () => {
  assertEquals(mistakes({}).sort(), ["payload.subject", "payload.to"]);
  assertEquals(mistakes({ ...mail, cc: "b@example.org" }), ["payload.cc"]);
  assertEquals(mistakes(null), ["payload"]);
  assertEquals(mistakes({ to: mail.to, subject: "s" }), []);
});

Deno.test("email.send refuses a subject that would begin another header", () => {
  for (const end of ["\r\n", "\n", "\r", "\n\n", "\u2028", "\u2029", "\x85", "\v", "\f"]) {
    const subject = `Hello${end}Bcc: everybody@example.org`;
    assertEquals(mistakes({ ...mail, subject }), ["payload.subject"], JSON.stringify(end));
  }
  for (const subject of ["", "x".repeat(999)]) {
    assertEquals(mistakes({ ...mail, subject }), ["payload.subject"]);
  }
});

Deno.test("email.send takes one plain address, and nothing that is more than that", () => {
  const addresses = [
    "",
    "anna",
    "anna@example.org,bert@example.org",
    "Anna <anna@example.org>",
    "anna@example.org\r\nBcc: bert@example.org",
    "anna@example.org\n",
    " anna@example.org",
    '"a b"@example.org',
    "anna@example.org>",
  ];
  for (const to of addresses) assertEquals(mistakes({ ...mail, to }), ["payload.to"], to);
});

Deno.test("email.send bounds the body", () => {
  assertEquals(mistakes({ ...mail, body: "x".repeat(500_000) }), []);
  assertEquals(mistakes({ ...mail, body: "x".repeat(500_001) }), ["payload.body"]);
  assertEquals(mistakes({ ...mail, body: 1 }), ["payload.body"]);
});
