/** `email.campaign` on a real mail server: everybody once, bad ones told, providers spared. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createRuntime, InvalidInputError } from "perdura";
import { emailSend } from "../../handlers/email_send.ts";
import { emailCampaigns } from "../../src/cli/email_campaign.ts";
import { Files } from "../../src/runtime/files.ts";
import { NO_LIMITS } from "../../src/core/gate.ts";
import { eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { smtpSink } from "./mail.ts";
import { mailServer } from "./smtp.ts";

function runtimeOn(db: TestDatabase, smtpUrl: string) {
  const mail = emailSend({ smtpUrl, outboxDir: "/nowhere", from: "shop@example.org" });
  return createRuntime({
    databaseUrl: db.url,
    handlers: [mail],
    machines: [emailCampaigns],
    pollMs: 50,
    sweepMs: 500,
    backoff: { baseMs: 20, factor: 1, capMs: 20 },
  });
}

const machine = "email.campaign";

Deno.test("a campaign from a file: bad addresses are told, the others get their mail, slow ones later", async () => {
  await using db = await testDatabase();
  await using server = await mailServer((to, times) => {
    if (to.startsWith("gone")) return 550;
    // As servers do that want to see whether somebody comes back.
    return to.startsWith("grey") && times === 1 ? 451 : null;
  });
  await using runtime = await runtimeOn(db, server.url);
  const good = Array.from({ length: 120 }, (_, n) => `c${n}@example.org`);
  const lines = [
    "not an address",
    "gone@example.org",
    "grey@example.net",
    "",
    ...good,
    "last@x.org",
  ];
  const { id: fileId } = await new Files(db.store.files).add({
    tenantId: "default",
    name: "customers.txt",
    mediaType: "text/plain",
    bytes: new TextEncoder().encode(lines.join("\r\n")),
  });
  const input = { subject: "Spring", body: "Hello", fileId, window: 40 };
  await runtime.actors.start({ machine, id: "spring", input });
  runtime.work();
  const over = await runtime.actors.wait(null, "spring", "done", { timeoutMs: 60_000 });
  const { errors, ...counts } = Object(over?.output);
  assertEquals(counts, { recipients: 124, sent: 122, failed: 2, left: 0 });
  assertEquals(errors.map(({ to }: { to: string }) => to).toSorted(), [
    "gone@example.org",
    "not an address",
  ]);
  const wanted = [...good, "grey@example.net", "last@x.org"].toSorted();
  assertEquals(server.taken.map(({ to }) => to).toSorted(), wanted);
});

Deno.test("a file of anything but addresses: each line is told, and nobody else misses the mail", async () => {
  await using db = await testDatabase();
  await using server = await mailServer();
  await using runtime = await runtimeOn(db, server.url);
  const bytes = await new Blob([
    "\uFEFFfirst@example.org\r\n",
    Uint8Array.from("z\0e\0r\0o\0@\0\n", (sign) => sign.charCodeAt(0)),
    Uint8Array.of(0xff, 0xfe, 0xed, 0xa0, 0x80, 10),
    `${"long".repeat(1_000)}@example.org\n`,
    "\n  \n<b@example.org>\n",
    "last@example.org",
  ]).bytes();
  const file = { tenantId: "default", name: "c.txt", mediaType: "text/plain", bytes };
  const { id: fileId } = await new Files(db.store.files).add(file);
  await runtime.actors.start({ machine, id: "odd", input: { subject: "Hi", fileId, window: 2 } });
  runtime.work();
  const over = await runtime.actors.wait(null, "odd", "done", { timeoutMs: 60_000 });
  const { errors, ...counts } = Object(over?.output);
  assertEquals(counts, { recipients: 6, sent: 2, failed: 4, left: 0 });
  assertEquals(errors.length, 4);
  assertEquals(server.taken.map(({ to }) => to).toSorted(), [
    "first@example.org",
    "last@example.org",
  ]);
});

Deno.test("a mail server that answers garbage: its mails are told, the others go out", async () => {
  await using db = await testDatabase();
  await using server = smtpSink({
    recipientsOf: (to) => to.startsWith("odd") ? "\u0000\uFFFD What?" : "250 OK",
  });
  await using runtime = await runtimeOn(db, server.url);
  const recipients = ["odd1@example.org", "a@example.org", "odd2@example.org", "b@example.org"];
  const input = { subject: "Hi", recipients, maxAttempts: 2 };
  await runtime.actors.start({ machine, id: "garbage", input });
  runtime.work();
  const over = await runtime.actors.wait(null, "garbage", "done", { timeoutMs: 60_000 });
  const { errors, ...counts } = Object(over?.output);
  assertEquals(counts, { recipients: 4, sent: 2, failed: 2, left: 0 });
  assertEquals(errors.map(({ to }: { to: string }) => to).toSorted(), [
    "odd1@example.org",
    "odd2@example.org",
  ]);
  assertEquals(server.mails.flatMap(({ to }) => to).toSorted(), ["a@example.org", "b@example.org"]);
});

Deno.test("a provider with a limit gets no more at once than that, and holds up nobody else", async () => {
  await using db = await testDatabase();
  await using server = await mailServer();
  await using runtime = await runtimeOn(db, server.url);
  const gate = { tenantId: "default", kind: "key", name: "mail:slow.example" } as const;
  await db.store.gates.setLimits(gate, { ...NO_LIMITS, concurrency: 1 });
  const recipients = Array.from(
    { length: 30 },
    (_, n) => `c${n}@${n % 3 ? "fast" : "slow"}.example`,
  );
  await runtime.actors.start({ machine, id: "two", input: { subject: "Hi", recipients } });
  runtime.work();
  const over = await runtime.actors.wait(null, "two", "done", { timeoutMs: 60_000 });
  assertEquals(Object(over?.output).sent, 30);
  assertEquals(server.most.get("slow.example"), 1);
});

Deno.test("a campaign is started by cron, once for a fire time", async () => {
  await using db = await testDatabase();
  await using server = await mailServer();
  await using runtime = await runtimeOn(db, server.url);
  const input = { subject: "News", recipients: ["ada@example.org", "bob@example.org"] };
  await runtime.schedules.declare("news", { cron: "* * * * * *", machine, input, overlap: "skip" });
  runtime.work();
  const run = await eventually("a run has ended", async () => {
    const runs = await runtime.schedules.runs("news", {}, null, 100);
    return runs.find(({ outcome, state }) => outcome === "started" && state === "done");
  });
  await runtime.schedules.pause("news");
  const over = await runtime.actors.get(null, String(run.actorId));
  assertEquals([over.output, run.cause], [
    { recipients: 2, sent: 2, failed: 0, left: 0, errors: [] },
    "schedule",
  ]);
});

Deno.test("a campaign that is cancelled says how far it came; one without addresses, what was wrong", async () => {
  await using db = await testDatabase();
  await using server = await mailServer(() => 451);
  await using runtime = await runtimeOn(db, server.url);
  const recipients = Array.from({ length: 50 }, (_, n) => `c${n}@example.org`);
  const input = { subject: "Hi", recipients, window: 10, maxAttempts: 100 };
  await runtime.actors.start({ machine, id: "long", input });
  runtime.work();
  await eventually("mails are tried", async () => {
    const [row] = await db.sql`select count(*)::int as n from perdura.activity where is_member`;
    return row?.n > 0;
  });
  await runtime.actors.cancel("long", "a mistake in it");
  const over = await runtime.actors.wait(null, "long", "done", { timeoutMs: 60_000 });
  const { sent, left } = Object(over?.output);
  assert(sent === 0 && left > 0, JSON.stringify(over?.output));
  await eventually("no mail is left", async () => {
    const [row] = await db
      .sql`select count(*)::int as n from perdura.job where type = 'email.send'`;
    return row?.n === 0;
  });
  for (const wrong of [{}, { recipients, fileId: crypto.randomUUID() }, { recipients: [] }]) {
    const start = () => runtime.actors.start({ machine, input: { subject: "Hi", ...wrong } });
    await assertRejects(start, InvalidInputError);
  }
  const lost = { subject: "Hi", fileId: crypto.randomUUID() };
  await runtime.actors.start({ machine, id: "lost", input: lost });
  const unread = await runtime.actors.wait(null, "lost", "done", { timeoutMs: 60_000 });
  const [error] = Object(unread?.output).errors;
  assert(String(error.message).includes("file"), error.message);
});
