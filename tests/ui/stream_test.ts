/** The stream, served and read over a real connection. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Stream } from "../../src/ui/stream.ts";
import { jobIn, testApi } from "../http/support.ts";
import { eventually } from "../support/build.ts";

Deno.test("a listener gets what it has missed, then what happens, and is forgotten when it goes", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "scheduled");
  const stream = new Stream({ jobs: api.jobs });
  const topic = { kind: "job", tenantId: null, id, after: 1 } as const;
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => new Response(stream.open(topic)),
  );
  const gone = new AbortController();
  const response = await fetch(`http://127.0.0.1:${server.addr.port}`, { signal: gone.signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const readUntil = async (wanted: string) => {
    while (!text.includes(wanted)) text += (await reader.read()).value ?? "";
  };
  await readUntil('"state":"scheduled"');
  assertStringIncludes(text, 'id: 2\nevent: step\ndata: {"version":2,');
  assertEquals(text.includes('"version":1,"from"'), false, "it has seen that");
  await api.post(`/jobs/${id}/cancel`, {});
  await readUntil('"state":"cancelled"');
  assertStringIncludes(text, "id: 3\nevent: step\n");
  assertEquals(stream.size, 1);
  gone.abort();
  await reader.closed.catch(() => {});
  await eventually("the listener is forgotten", () => Promise.resolve(stream.size === 0));
  await server.shutdown();
});

Deno.test("closing it ends every stream, so that a server can stop", async () => {
  await using api = await testApi();
  const stream = new Stream({ jobs: api.jobs });
  const id = await jobIn(api, "pending");
  const open = (["counts", "job"] as const).map((kind) =>
    new Response(stream.open({ kind, tenantId: null, id, after: 0 })).text()
  );
  assertEquals(stream.size, 2);
  stream.close();
  for (const text of await Promise.all(open)) assertStringIncludes(text, "retry: 1000");
  assertEquals(stream.size, 0);
});
