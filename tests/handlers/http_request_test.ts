/** `http.request` against a real server: whom it may call, what it makes of the answers. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { httpRequest } from "../../handlers/http_request.ts";
import { testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

/** A request, as it was. */
interface Seen {
  readonly method: string;
  readonly headers: Headers;
}

/** A server that answers by its path, and remembers what it was asked. */
async function withServer(
  allowed: readonly string[],
  test: (
    url: string,
    run: (payload: unknown) => Promise<Record<string, unknown>>,
    seen: Seen[],
  ) => Promise<void>,
): Promise<void> {
  await using db = await testDatabase();
  const seen: Seen[] = [];
  let port = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    seen.push({ method: request.method, headers: new Headers(request.headers) });
    const { pathname } = new URL(request.url);
    if (pathname === "/ok") return Response.json({ hello: "you" });
    if (pathname === "/missing") return new Response("no", { status: 404 });
    if (pathname === "/busy") {
      return new Response("later", { status: 429, headers: { "retry-after": "3600" } });
    }
    if (pathname === "/broken") return new Response("oh", { status: 500 });
    if (pathname === "/move") return Response.redirect(`http://127.0.0.1:${port}/ok`, 302);
    if (pathname === "/away") return Response.redirect("http://192.168.1.1/secret", 302);
    if (pathname === "/loop") return Response.redirect(`http://127.0.0.1:${port}/loop`, 302);
    if (pathname === "/large") return new Response("x".repeat(2_000_000));
    return new Response("?", { status: 400 });
  });
  port = server.addr.port;
  // The next try is far off: what failed can be looked at.
  const backoff = { baseMs: 600_000, factor: 1, capMs: 600_000 };
  const { run, worker } = testWorker(db, [httpRequest({ allowedHosts: allowed })], { backoff });
  try {
    const call = async (payload: unknown) => {
      const job = await run("http.request", payload, "succeeded", "dead_letter", "retry");
      return { ...job };
    };
    await test(`http://127.0.0.1:${port}`, call, seen);
  } finally {
    await worker.stop();
    await server.shutdown();
  }
}

Deno.test("an allowed address is called, redirects are followed, long bodies are cut", () =>
  withServer(["127.0.0.1"], async (url, run, seen) => {
    const done = await run({ url: `${url}/move`, headers: { "x-mine": "1" } });
    assertEquals([done.state, done.output], ["succeeded", {
      status: 200,
      url: `${url}/ok`,
      body: '{"hello":"you"}',
    }]);
    assertEquals(seen[0]?.headers.get("x-mine"), "1");
    assertEquals(seen[0]?.headers.get("idempotency-key"), done.id);
    const large = await run({ url: `${url}/large` });
    assertEquals(JSON.stringify(large.output).length < 300_000, true);
    const posted = await run({ url: `${url}/ok`, method: "POST", body: "hi" });
    assertEquals([posted.state, seen.at(-1)?.method], ["succeeded", "POST"]);
  }));

Deno.test("5xx and 429 are tried again, the latter when the server says; other 4xx are not", () =>
  withServer(["127.0.0.1"], async (url, run) => {
    const broken = await run({ url: `${url}/broken` });
    assertEquals([broken.state, (broken.lastError as { code: string }).code], [
      "retry",
      "http_500",
    ]);
    const busy = await run({ url: `${url}/busy` });
    assertEquals(busy.state, "retry");
    const waitMs = Date.parse(String(busy.runAt)) - Date.now();
    assert(waitMs > 3_500_000 && waitMs <= 3_600_000, `${waitMs}`);
    const missing = await run({ url: `${url}/missing` });
    assertEquals([missing.state, missing.attempt], ["dead_letter", 1]);
  }));

Deno.test("what is not on the list is never called, not by a redirect either", () =>
  withServer(["127.0.0.1", "localhost"], async (url, run, seen) => {
    const { port } = new URL(url);
    const refused: Record<string, RegExp> = {
      [`${url}/away`]: /"192\.168\.1\.1" is not allowed/,
      [`${url}/loop`]: /More than 5 redirects/,
      "http://example.com/": /"example\.com" is not allowed/,
      [`http://[::1]:${port}/ok`]: /"::1" is not allowed/,
      [`http://2130706434:${port}/ok`]: /not allowed/,
    };
    for (const [target, words] of Object.entries(refused)) {
      const job = await run({ url: target });
      assertEquals([job.state, job.attempt], ["dead_letter", 1], target);
      assertMatch((job.lastError as { message: string }).message, words);
    }
    const count = seen.length;
    const wrong = await run({ url: "file:///etc/passwd" }).catch((error) => error);
    assertEquals([wrong.name, seen.length], ["InvalidInputError", count]);
  }));

Deno.test("an allowed name that leads to a private address is refused", () =>
  withServer(["localhost"], async (url, run, seen) => {
    const job = await run({ url: `http://localhost:${new URL(url).port}/ok` });
    assertEquals(job.state, "dead_letter");
    assertMatch((job.lastError as { message: string }).message, /which is not public/);
    assertEquals(seen.length, 0);
  }));

Deno.test("an upstream that answers garbage fails its own jobs, with the reason, and no others", () =>
  withServer(["127.0.0.1"], async (url, run) => {
    const garbage = [
      "\0\xff\x07 not HTTP at all\r\n\r\n",
      "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nha",
      "",
    ];
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    let answers = 0;
    const answering = (async () => {
      for await (const connection of listener) {
        await connection.read(new Uint8Array(4_096)).catch(() => null);
        const text = garbage[answers++ % garbage.length] ?? "";
        await connection.write(Uint8Array.from(text, (char) => char.charCodeAt(0))).catch(() => 0);
        connection.close();
      }
    })();
    const jobs = await Promise.all([
      ...garbage.map(() => run({ url: `http://127.0.0.1:${listener.addr.port}/` })),
      run({ url: `${url}/ok` }),
    ]);
    listener.close();
    await answering;
    assertEquals(jobs.map(({ state }) => state), ["retry", "retry", "retry", "succeeded"]);
    for (const { lastError } of jobs.slice(0, garbage.length)) {
      assert((lastError as { message: string }).message !== "");
    }
  }));

Deno.test("what a job sends is one request, and its headers are one line each", () =>
  withServer(["127.0.0.1"], async (url, run, seen) => {
    const smuggled = `GET /ok HTTP/1.1\r\nhost: x\r\n\r\n`;
    const refused: Record<string, string> = {
      "content-length": "0",
      "Transfer-Encoding": "chunked",
      "Host": "inside.example",
      "connection": "upgrade",
      "x-lines": "a\r\nb: c",
      "x-wide": "\u20ac",
    };
    for (const [name, value] of Object.entries(refused)) {
      const payload = { url: `${url}/ok`, method: "POST", headers: { [name]: value } };
      const wrong = await run({ ...payload, body: smuggled }).catch((error) => error);
      assertEquals([wrong.name, wrong.issues?.[0]?.path], [
        "InvalidInputError",
        `payload.headers.${name}`,
      ]);
    }
    assertEquals(seen, []);
  }));

Deno.test("a credential in a header is in no answer and no error", () =>
  withServer(["127.0.0.1"], async (url, run, seen) => {
    const handler = httpRequest({ allowedHosts: [] });
    const headers = { authorization: "Bearer hunter2" };
    const done = await run({ url: `${url}/ok`, headers });
    assertEquals(seen.at(-1)?.headers.get("authorization"), "Bearer hunter2");
    assertEquals(handler.payloadRedactor?.hide(done.payload), {
      url: `${url}/ok`,
      headers: { authorization: "[redacted]" },
    });
  }));
