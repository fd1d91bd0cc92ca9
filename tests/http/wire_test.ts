/** What comes over the wire and is no request: bodies without an end, headers without an end. */
import { assert, assertEquals } from "@std/assert";
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
