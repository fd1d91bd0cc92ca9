/** The server that gives headers a limit of time: who is answered, who is closed, and who is not held up. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { headersMsOf, listen, type Listening } from "../../src/cli/listening.ts";
import { readSettings } from "../../src/cli/settings.ts";
import { bytesOf, DEADLINE_MS, heard } from "../http/sockets.ts";
import { countJobs, testApi } from "../http/support.ts";

/** Short for a test, long for a request of a client that means well. */
const SHORT_MS = 3_000;
/** For all others. */
const LONG_MS = 60_000;
const SLOW = 1_000;
const HOST = "host: 127.0.0.1\r\n";

type Fetch = (request: Request) => Response | Promise<Response>;

function serving(
  fetch: Fetch,
  headersMs = LONG_MS,
  idleMs = LONG_MS,
): Listening & AsyncDisposable {
  const place = { hostname: "127.0.0.1", port: 0, setting: "PORT" } as const;
  const server = listen({ ...place, headersMs, idleMs }, fetch);
  return { ...server, [Symbol.asyncDispose]: () => server.shutdown() };
}

const connect = ({ port }: Listening) => Deno.connect({ hostname: "127.0.0.1", port });

async function say(server: Listening, text: string, until?: string): Promise<string> {
  using connection = await connect(server);
  await connection.write(bytesOf(text));
  return await heard(connection, until);
}

/** Sends a byte now and then until the connection is closed. */
async function drip(connection: Deno.TcpConn): Promise<void> {
  for (;;) {
    const isOpen = await connection.write(bytesOf("x")).then(() => true, () => false);
    if (!isOpen) return;
    await new Promise((done) => setTimeout(done, 500));
  }
}

Deno.test("a connection whose headers come too slowly is closed, a thousand of them hold nobody up, nothing is stored", async () => {
  await using api = await testApi();
  await using server = serving((request) => api.serve(request), SHORT_MS);
  const start = bytesOf(`POST /jobs HTTP/1.1\r\n${HOST}x-slow: `);
  const slow = await Promise.all(Array.from({ length: SLOW }, () => connect(server)));
  let closed = 0;
  const ends = slow.map(async (connection) => {
    await connection.write(start);
    await Promise.all([heard(connection), drip(connection)]);
    closed++;
  });
  const stalled = say(server, `POST /jobs HTTP/1.1\r\n${HOST}x-slow: `);
  const silent = say(server, "");
  try {
    const answers: number[] = [];
    const end = performance.now() + DEADLINE_MS;
    do {
      const response = await fetch(`http://127.0.0.1:${server.port}/jobs`);
      answers.push(response.status);
      await response.body?.cancel();
    } while (closed < SLOW && performance.now() < end);
    assertEquals(closed, SLOW);
    assertEquals(new Set(answers), new Set([200]));
    assertEquals([await stalled, await silent], ["", ""]);
  } finally {
    for (const connection of slow) connection[Symbol.dispose]();
    await Promise.all(ends);
  }
  assertEquals(await countJobs(api), 0);
});

Deno.test("a connection may be idle for longer than headers may take, and a body may come for longer", async () => {
  await using server = serving(async (request) => {
    return new Response(`yes${await request.text()}`);
  }, SHORT_MS);
  using idle = await connect(server);
  await idle.write(bytesOf(`GET / HTTP/1.1\r\n${HOST}\r\n`));
  assertMatch(await heard(idle, "yes"), /^HTTP\/1\.1 200 /);
  using sending = await connect(server);
  await sending.write(bytesOf(`POST / HTTP/1.1\r\n${HOST}content-length: 4\r\n\r\nab`));
  // Opened later: when it is closed for its slowness, the time of the others is over.
  assertEquals(await say(server, "GET /"), "");
  await sending.write(bytesOf("cd"));
  assertMatch(await heard(sending, "yesabcd"), /^HTTP\/1\.1 200 /);
  await idle.write(bytesOf(`GET / HTTP/1.1\r\n${HOST}\r\n`));
  assertMatch(await heard(idle, "yes"), /^HTTP\/1\.1 200 /);
});

Deno.test("a connection that has had an answer is closed when no other request comes, whatever else it sends", async () => {
  await using server = serving(() => new Response("yes"), LONG_MS, SHORT_MS);
  using idle = await connect(server);
  await idle.write(bytesOf(`GET / HTTP/1.1\r\n${HOST}\r\n`));
  assertMatch(await heard(idle, "yes"), /^HTTP\/1\.1 200 /);
  await idle.write(bytesOf("GET / HTTP/1.1\r\nx: "));
  await Promise.all([heard(idle), drip(idle)]);
});

Deno.test("a stream that is silent for longer than any limit goes on", async () => {
  const told = Promise.withResolvers<void>();
  await using server = serving(
    () => {
      const start = async (controller: ReadableStreamDefaultController) => {
        controller.enqueue(bytesOf("first"));
        await told.promise;
        controller.enqueue(bytesOf("second"));
        controller.close();
      };
      return new Response(new ReadableStream({ start: (controller) => void start(controller) }));
    },
    SHORT_MS,
    SHORT_MS,
  );
  using reading = await connect(server);
  await reading.write(bytesOf(`GET / HTTP/1.1\r\n${HOST}\r\n`));
  await heard(reading, "first");
  // Opened later: when it is closed, the time of the other is over.
  assertEquals(await say(server, "GET /"), "");
  told.resolve();
  assertMatch(await heard(reading, "second"), /second/);
});

const long = "x".repeat(70_000);
const refused: Readonly<Record<string, [text: string, status: number]>> = {
  "two lengths": [
    `POST / HTTP/1.1\r\n${HOST}content-length: 1\r\ncontent-length: 2\r\n\r\nab`,
    400,
  ],
  "a length and chunks": [
    `POST / HTTP/1.1\r\n${HOST}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
  "two hosts": [`GET / HTTP/1.1\r\n${HOST}host: a.example\r\nconnection: close\r\n\r\n`, 400],
  "no request": ["\x16\x03\x01\r\n\r\n", 400],
  "a long header": [`GET / HTTP/1.1\r\n${HOST}x: ${long}\r\n\r\n`, 400],
  "a long target": [`GET /${long} HTTP/1.1\r\n${HOST}\r\n`, 400],
};
for (const [what, [text, status]] of Object.entries(refused)) {
  Deno.test(`${what}: ${status}, and nobody is asked`, async () => {
    const asked: string[] = [];
    await using server = serving(({ url }) => {
      asked.push(url);
      return new Response();
    });
    assert((await say(server, text)).startsWith(`HTTP/1.1 ${status} `));
    assertEquals(asked, []);
  });
}

Deno.test("whoever waits for an answer, or reads a stream, is heard to go", async () => {
  const begun = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  const unread = Promise.withResolvers<void>();
  await using server = serving(async ({ url, signal }) => {
    if (new URL(url).pathname === "/stream") {
      const start = (controller: ReadableStreamDefaultController) =>
        controller.enqueue(bytesOf("first\n\n"));
      return new Response(new ReadableStream({ start, cancel: () => unread.resolve() }));
    }
    signal.addEventListener("abort", () => gone.resolve());
    begun.resolve();
    await gone.promise;
    return new Response();
  });
  {
    using connection = await connect(server);
    await connection.write(bytesOf(`GET /wait HTTP/1.1\r\n${HOST}\r\n`));
    await begun.promise;
  }
  await gone.promise;
  await say(server, `GET /stream HTTP/1.1\r\n${HOST}\r\n`, "first");
  await unread.promise;
});

Deno.test("an answer that breaks off is cut, and tells nobody why", async () => {
  let pulled = 0;
  await using server = serving(({ url }) => {
    const isLate = new URL(url).pathname === "/late";
    const pull = (controller: ReadableStreamDefaultController) => {
      if (isLate && ++pulled < 20) return controller.enqueue(bytesOf("piece "));
      controller.error(new Error("the address of the database"));
    };
    return new Response(new ReadableStream({ pull }), {
      headers: { "content-type": "text/plain" },
    });
  });
  for (const path of ["/", "/late"]) {
    const text = await say(server, `GET ${path} HTTP/1.1\r\n${HOST}\r\n`);
    assert(!text.includes("database"), text);
    assert(!text.endsWith("0\r\n\r\n"), "as if it were complete");
  }
});

Deno.test("an answer that is made in one piece is sent in one, and HEAD without it", async () => {
  await using api = await testApi();
  await using server = serving((request) => api.serve(request));
  const path = `http://127.0.0.1:${server.port}/jobs`;
  const body = JSON.stringify({ type: "debug.noop", payload: { who: "Zoë" } });
  const headers = { "content-type": "application/json" };
  const made = await fetch(path, { method: "POST", headers, body });
  const text = await made.text();
  assertEquals(made.status, 201);
  assertEquals(made.headers.get("content-length"), String(bytesOf(text).length));
  const { id, payload } = JSON.parse(text);
  assertEquals([made.headers.get("location"), payload], [`/jobs/${id}`, { who: "Zoë" }]);
  const head = await fetch(`${path}/${id}`, { method: "HEAD" });
  assertEquals([head.status, await head.text()], [200, ""]);
  const list = await fetch(path);
  const listed = await list.text();
  assertEquals(list.headers.get("content-length"), String(bytesOf(listed).length));
  assertEquals(JSON.parse(listed).items.map((job: { id: string }) => job.id), [id]);
  const missing = await fetch(`${path}/${crypto.randomUUID()}`);
  assertEquals([missing.status, (await missing.json()).code], [404, "not_found"]);
});

Deno.test("a shutdown waits for answers, and for no connection that asks for none", async () => {
  const answers = [Promise.withResolvers<Response>(), Promise.withResolvers<Response>()] as const;
  const begun = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const server = serving(({ url }) => {
    const n = ["/0", "/1"].indexOf(new URL(url).pathname);
    begun[n]?.resolve();
    return answers[n]?.promise ?? new Response("yes");
  });
  using idle = await connect(server);
  await idle.write(bytesOf(`GET / HTTP/1.1\r\n${HOST}\r\n`));
  await heard(idle, "yes");
  using halfway = await connect(server);
  await halfway.write(bytesOf("GET / HTTP/1.1\r\nhost: "));
  const asked = [0, 1].map((n) => say(server, `GET /${n} HTTP/1.1\r\n${HOST}\r\n`));
  await Promise.all(begun.map(({ promise }) => promise));
  const shutdown = server.shutdown();
  // Who has no answer under way is let go: the idle one, and the first when it has had its own.
  assertEquals(await heard(idle), "");
  answers[0].resolve(new Response("at last"));
  assertMatch(await asked[0] ?? "", /^HTTP\/1\.1 200 [^]*at last$/);
  answers[1].resolve(new Response("at last"));
  assertMatch(await asked[1] ?? "", /^HTTP\/1\.1 200 [^]*at last$/);
  await shutdown;
});

Deno.test("headers have a limit of time where others than this machine may call", () => {
  const of = (settings: Record<string, string>) => headersMsOf(readSettings(settings));
  assertEquals(of({}), null);
  assertEquals(of({ AUTH: "keys" }), 15_000);
  assertEquals(of({ AUTH: "keys", REQUEST_HEADERS_MS: "0" }), null);
  assertEquals(of({ REQUEST_HEADERS_MS: "500" }), 500);
});
