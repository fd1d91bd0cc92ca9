/** Pushed jobs: signed, answered at once or later, guarded, and never believed too easily. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { SIGNATURE_HEADER, signBody, verifyBody } from "perdura";
import { pushHandler, type PushOptions } from "../../handlers/push.ts";
import { testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

const SECRET = "a secret of more than thirty-two characters";

/** A receiver as people would write one: it checks the signature, and answers by the payload. */
async function withReceiver(
  more: Partial<PushOptions>,
  test: (at: {
    readonly run: (payload: unknown) => Promise<Record<string, unknown>>;
    readonly seen: Record<string, unknown>[];
  }) => Promise<void>,
): Promise<void> {
  await using db = await testDatabase();
  const seen: Record<string, unknown>[] = [];
  const later: Promise<unknown>[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const body = await request.text();
      const header = request.headers.get(SIGNATURE_HEADER);
      const refused = await verifyBody({ body, header, secrets: ["old", SECRET], now: Date.now() });
      if (refused) return Response.json({ refused }, { status: 401 });
      const envelope = JSON.parse(body);
      seen.push(envelope);
      const { answer } = envelope.payload;
      if (answer === "later") {
        const { id, version } = envelope.job;
        const ending = { kind: "succeeded", output: '"later"' } as const;
        later.push(w.jobs.end(id, { tenantId: null, ifVersion: version }, ending));
        return new Response(null, { status: 202 });
      }
      if (answer === "large") return new Response("x".repeat(2_000_000));
      if (answer === "text") return new Response("no JSON");
      if (answer === "away") return Response.redirect("http://192.168.1.1/", 302);
      if (typeof answer === "number") return new Response(null, { status: answer });
      return Response.json({ answer });
    },
  );
  const url = `http://127.0.0.1:${server.addr.port}/`;
  const handler = pushHandler({
    ...{ type: "pushed", url, secret: SECRET, allowedHosts: ["127.0.0.1"] },
    apiUrl: "http://127.0.0.1:1/base",
    ...more,
  });
  const w = testWorker(db, [handler], { leaseMs: 9_000 });
  try {
    const run = async (payload: unknown) => ({
      ...await w.run("pushed", payload, "succeeded", "dead_letter"),
    });
    await test({ run, seen });
    await Promise.all(later);
  } finally {
    await w.worker.stop();
    await server.shutdown();
  }
}

Deno.test("push: a signed envelope is answered at once, later, or not at all", () =>
  withReceiver({}, async ({ run, seen }) => {
    const done = await run({ answer: "now" });
    assertEquals([done.state, done.output], ["succeeded", { answer: "now" }]);
    const [envelope] = seen;
    assertEquals(Object.keys(envelope ?? {}), [
      ...["job", "idempotencyKey", "payload", "timeoutMs", "callback"],
    ]);
    assertEquals(envelope?.callback, `http://127.0.0.1:1/base/jobs/${done.id}/events`);
    assertEquals((await run({ answer: 204 })).output, null);
    const later = await run({ answer: "later" });
    assertEquals([later.state, later.output, later.attempt], ["succeeded", "later", 1]);
  }));

Deno.test("push: what is refused, too large or no JSON gives up; what may pass is tried again", () =>
  withReceiver({}, async ({ run, seen }) => {
    for (
      const [answer, message] of [
        [400, /answered 400/],
        ["large", /larger than/],
        ["text", /not JSON/],
      ] as const
    ) {
      const { state, attempt, lastError } = await run({ answer });
      assertEquals([state, attempt], ["dead_letter", 1]);
      assertMatch(JSON.stringify(lastError), message);
    }
    const tried = seen.length;
    const busy = await run({ answer: 503 });
    assertEquals([busy.state, seen.length - tried], ["dead_letter", 3]);
    const away = await run({ answer: "away" });
    assertMatch(JSON.stringify(away.lastError), /answered 302/);
  }));

Deno.test("push: hosts off the list, other secrets, and unsafe addresses are refused", async () => {
  await withReceiver({ allowedHosts: ["example.com"] }, async ({ run, seen }) => {
    const { state, lastError } = await run({ answer: "now" });
    assertEquals([state, seen.length], ["dead_letter", 0]);
    assertMatch(JSON.stringify(lastError), /not allowed/);
  });
  await withReceiver(
    { secret: "another secret of more than 32 letters" },
    async ({ run, seen }) => {
      assertMatch(JSON.stringify((await run({ answer: "now" })).lastError), /answered 401/);
      assertEquals(seen, []);
    },
  );
  const fine = { type: "t", url: "https://a.example/", secret: SECRET, allowedHosts: [] };
  for (
    const wrong of [{ url: "http://a.example/" }, { url: "file:///etc/passwd" }, { secret: "x" }]
  ) {
    assertThrows(() => pushHandler({ ...fine, ...wrong }));
  }
});

Deno.test("a signature holds for its body and its time, and for both secrets while one is replaced", async () => {
  const now = Date.parse("2030-01-01T00:00:00Z");
  const header = await signBody(SECRET, "body", now);
  const check = (more: object) =>
    verifyBody({ body: "body", header, secrets: [SECRET], now, ...more });
  assertEquals(await check({}), null);
  assertEquals(await check({ secrets: ["new", SECRET] }), null);
  assertEquals(await check({ body: "bodY" }), "forged");
  assertEquals(await check({ secrets: ["new"] }), "forged");
  assertEquals(await check({ now: now + 300_001 }), "too_old");
  assertEquals(await check({ now: now - 301_000 }), "too_new");
  for (const wrong of [null, "", "t=1", `${header}0`, header.toUpperCase()]) {
    assertEquals(await check({ header: wrong }), "malformed");
  }
  assert(!header.includes(SECRET));
});
