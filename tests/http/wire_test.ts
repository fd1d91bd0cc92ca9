/** Bodies without an end, and those that come too slowly, at either way to listen. */
import { assert, assertEquals } from "@std/assert";
import { OpenAPIHono } from "@hono/zod-openapi";
import { debugHandlers } from "../../handlers/debug.ts";
import { listen } from "../../src/cli/listening.ts";
import { createApp } from "../../src/http/app.ts";
import { Patience } from "../../src/http/patience.ts";
import { problemResponse } from "../../src/http/problem.ts";
import { sessionRoutes } from "../../src/ui/sign_in.ts";
import { createRuntime } from "perdura";
import { testDatabase } from "../support/database.ts";
import { bytesOf, heard, standStill } from "./sockets.ts";
import { countJobs, testApi } from "./support.ts";

const MIB = 1024 * 1024;
/** Of each way to listen: what it is named by, and its time for headers. */
const servers = { "Deno.serve": null, "connection by connection": 60_000 };

/** A handler on a port. */
function serving(
  headersMs: number | null,
  serve: (request: Request) => Response | Promise<Response>,
) {
  const place = { hostname: "127.0.0.1", port: 0, setting: "PORT" } as const;
  const server = listen({ ...place, headersMs }, serve);
  return { port: server.port, [Symbol.asyncDispose]: () => server.shutdown() };
}

const connect = (port: number) => Deno.connect({ hostname: "127.0.0.1", port });

/** Everything of an array: a socket may take less at a time. */
async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

for (const [name, headersMs] of Object.entries(servers)) {
  Deno.test(`${name}: a chunked body of a gigabyte is refused at the limit, and read no further`, async () => {
    await using api = await testApi();
    await using server = serving(headersMs, (request) => api.serve(request));
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
    assertEquals(await countJobs(api), 0);
  });
}

for (const [name, headersMs] of Object.entries(servers)) {
  Deno.test(`${name}: a body that comes too slowly is 408, and nothing of it is stored`, async () => {
    const patience = new Patience({ graceMs: 100, bytesPerSecond: 20, lookMs: 20 });
    await using db = await testDatabase();
    await using runtime = await createRuntime({ databaseUrl: db.url, handlers: debugHandlers });
    const app = createApp({
      jobs: runtime.jobs,
      isWritable: () => runtime.isWritable(),
      patience,
    });
    await using server = serving(headersMs, (request) => app.fetch(request));
    const head = "POST /jobs HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n";
    const job = JSON.stringify({ type: "debug.noop" });
    const starts = {
      "a length": `${head}content-length: ${job.length}\r\n\r\n${job.slice(0, 5)}`,
      "a large length": `${head}content-length: 900000\r\n\r\n${job}`,
      "no length": `${head}transfer-encoding: chunked\r\n\r\n5\r\n${job.slice(0, 5)}\r\n`,
    };
    for (const [which, text] of Object.entries(starts)) {
      using connection = await connect(server.port);
      await writeAll(connection, bytesOf(text));
      const answer = await heard(connection, '"request_timeout"');
      assert(answer.startsWith("HTTP/1.1 408"), `${which}: ${answer.slice(0, 200)}`);
    }
    const [row] = await db.sql`select count(*)::int as n from perdura.job`;
    assertEquals(row?.n, 0);
  });
}

Deno.test("a body that comes while this process stands still is not too slow", async () => {
  const patience = new Patience({ graceMs: 100, bytesPerSecond: 20, lookMs: 20 });
  // Read as soon as it goes on, but after the look that is due.
  const read = new Promise((done) => setTimeout(() => done("all of it"), 60));
  const body = patience.with(read, { bytes: 0 });
  standStill(200);
  assertEquals(await body, "all of it");
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

for (const [name, headersMs] of Object.entries(servers)) {
  Deno.test(`${name}: short JSON is framed for one write, and not where there are no chunks`, async () => {
    await using api = await testApi();
    const { jobs } = api;
    const app = createApp({ jobs, isWritable: () => Promise.resolve(true), inOneWrite: true });
    await using server = serving(headersMs, (request) => app.fetch(request));
    const post = async (version: string, total: string) => {
      using connection = await connect(server.port);
      const body = JSON.stringify({ type: "debug.noop", payload: { total } });
      await writeAll(
        connection,
        bytesOf(
          `POST /jobs HTTP/${version}\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n` +
            `connection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
        ),
      );
      const [head = "", ...rest] = (await heard(connection)).split("\r\n\r\n");
      return { isChunked: /transfer-encoding: chunked/i.test(head), head, rest };
    };
    const short = await post("1.1", "4200");
    assert(short.isChunked && !/content-length/i.test(short.head), short.head);
    const [size = "", json = ""] = short.rest.join("").split("\r\n");
    assertEquals([parseInt(size, 16), JSON.parse(json).payload], [json.length, { total: "4200" }]);
    const old = await post("1.0", "4200");
    assert(!old.isChunked && /content-length: \d+/i.test(old.head), old.head);
    const long = await post("1.1", "x".repeat(20_000));
    assert(!long.isChunked && /content-length: \d+/i.test(long.head), long.head);
    const head = await fetch(`http://127.0.0.1:${server.port}/jobs/${JSON.parse(json).id}`, {
      method: "HEAD",
    });
    assertEquals([head.status, await head.text()], [200, ""]);
  });
}
