/** What comes over the wire and is no request: bodies without an end, headers without an end. */
import { assert, assertEquals } from "@std/assert";
import { OpenAPIHono } from "@hono/zod-openapi";
import { debugHandlers } from "../../handlers/debug.ts";
import { createApp } from "../../src/http/app.ts";
import { Patience } from "../../src/http/patience.ts";
import { problemResponse } from "../../src/http/problem.ts";
import { sessionRoutes } from "../../src/ui/sign_in.ts";
import { createRuntime } from "perdura";
import { testDatabase } from "../support/database.ts";
import { countJobs, testApi } from "./support.ts";

const MIB = 1024 * 1024;

/** The API on a port. */
async function listening() {
  const api = await testApi();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => api.serve(request),
  );
  return {
    api,
    port: server.addr.port,
    [Symbol.asyncDispose]: async () => {
      await server.shutdown();
      await api[Symbol.asyncDispose]();
    },
  };
}

const connect = (port: number) => Deno.connect({ hostname: "127.0.0.1", port });
const bytesOf = (text: string) => new TextEncoder().encode(text);

/** Everything of an array: a socket may take less at a time. */
async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

Deno.test("a chunked body of a gigabyte is refused at the limit, and read no further", async () => {
  await using server = await listening();
  for (const path of ["/jobs", "/jobs/batch"]) {
    using connection = await connect(server.port);
    await writeAll(
      connection,
      bytesOf(
        `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n` +
          "transfer-encoding: chunked\r\n\r\n",
      ),
    );
    let isAnswered = false;
    const answer = (async () => {
      const buffer = new Uint8Array(4096);
      const count = await connection.read(buffer).catch(() => null);
      isAnswered = true;
      return new TextDecoder().decode(buffer.subarray(0, count ?? 0));
    })();
    const chunk = bytesOf(`${MIB.toString(16)}\r\n${"x".repeat(MIB)}\r\n`);
    let sent = 0;
    // The answer ends it; so does a connection that is closed.
    for (; sent < 1024 && !isAnswered; sent++) {
      const isOpen = await writeAll(connection, chunk).then(() => true, () => false);
      if (!isOpen) break;
    }
    assert((await answer).startsWith("HTTP/1.1 413"), path);
    assert(sent < 200, `${sent} MiB were taken`);
  }
  assertEquals(await countJobs(server.api), 0);
});

/** What comes until it has some text in it, or the connection ends. */
async function heard(connection: Deno.TcpConn, until: string): Promise<string> {
  const buffer = new Uint8Array(4096);
  let text = "";
  while (!text.includes(until)) {
    const count = await connection.read(buffer).catch(() => null);
    if (count === null) break;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return text;
}

Deno.test("a body that comes too slowly is 408, and nothing of it is stored", async () => {
  const patience = new Patience({ graceMs: 100, bytesPerSecond: 20, lookMs: 20 });
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, handlers: debugHandlers });
  const app = createApp({
    jobs: runtime.jobs,
    isWritable: () => runtime.isWritable(),
    patience,
  });
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => app.fetch(request),
  );
  const head = "POST /jobs HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n";
  const job = JSON.stringify({ type: "debug.noop" });
  const starts = {
    "a length": `${head}content-length: ${job.length}\r\n\r\n${job.slice(0, 5)}`,
    "a large length": `${head}content-length: 900000\r\n\r\n${job}`,
    "no length": `${head}transfer-encoding: chunked\r\n\r\n5\r\n${job.slice(0, 5)}\r\n`,
  };
  for (const [name, text] of Object.entries(starts)) {
    using connection = await connect(server.addr.port);
    await writeAll(connection, bytesOf(text));
    const answer = await heard(connection, '"request_timeout"');
    assert(answer.startsWith("HTTP/1.1 408"), `${name}: ${answer.slice(0, 200)}`);
  }
  const [row] = await db.sql`select count(*)::int as n from perdura.job`;
  assertEquals(row?.n, 0);
});

Deno.test("a sign-in reads no more than a key can have", async () => {
  const app = new OpenAPIHono();
  const begun: string[] = [];
  const begin = (key: string) => Promise.resolve(begun.push(key)).then(() => "token");
  const end = () => Promise.resolve();
  const seen = () => Promise.resolve({ tenantId: null, may: () => true });
  const signIn = { begin, end, demandOwnOrigin: () => {}, cookie: "x", ttlMs: 1_000 };
  sessionRoutes(app, seen, signIn);
  app.onError((error, c) => problemResponse(c, error));
  let pulled = 0;
  const endless = new ReadableStream({
    pull: (controller) => {
      pulled++;
      controller.enqueue(bytesOf(`{"key":"${"x".repeat(64 * 1024)}`));
    },
  });
  const headers = { "content-type": "application/json" };
  const request = new Request("http://any.example/ui/session", {
    ...{ method: "POST", headers, body: endless },
  });
  assertEquals((await app.fetch(request)).status, 413);
  assert(pulled < 10, `${pulled} chunks were read`);
  assertEquals(begun, []);
});

Deno.test("requests that never end their headers hold nobody else up", async () => {
  await using server = await listening();
  const slow = await Promise.all(Array.from({ length: 200 }, () => connect(server.port)));
  try {
    for (const connection of slow) {
      await writeAll(connection, bytesOf("GET /jobs HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: "));
    }
    for (let round = 0; round < 5; round++) {
      for (const connection of slow) await writeAll(connection, bytesOf("x"));
      const response = await fetch(`http://127.0.0.1:${server.port}/jobs`);
      assertEquals(response.status, 200);
      await response.body?.cancel();
    }
  } finally {
    for (const connection of slow) connection.close();
  }
});
