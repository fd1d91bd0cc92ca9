/** The stream, served and read over a real connection. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { LISTENERS_MAX, Stream } from "../../src/ui/stream.ts";
import { assertProblem, jobIn, testApi } from "../http/support.ts";
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

Deno.test("a stream of nothing is a 404, a misspelt one a 400, and that of a job ends with it", async () => {
  await using api = await testApi({ withUi: true });
  const nobody = "01900000-0000-7000-8000-000000000000";
  assertProblem(await api.get(`/stream?job=${nobody}`), 404, "not_found");
  assertProblem(await api.get("/stream?actor=nobody"), 404, "not_found");
  assertProblem(await api.get(`/stream?jobs=${nobody}`), 400, "malformed");
  assertProblem(await api.get("/machines/job?foo=1"), 400, "malformed");
  const id = await jobIn(api, "succeeded");
  const stream = new Stream({ jobs: api.jobs });
  const told = new Response(stream.open({ kind: "job", tenantId: null, id, after: 0 })).text();
  await eventually("it is told of", () => Promise.resolve(stream.size === 1));
  assertEquals((await api.request("DELETE", `/jobs/${id}`)).status, 204);
  assertStringIncludes(await told, "retry: 1000");
  assertEquals(stream.size, 0);
});

Deno.test("a HEAD of a stream listens to nothing", async () => {
  await using api = await testApi({ withUi: true });
  for (let n = 0; n <= LISTENERS_MAX; n++) {
    assertEquals((await api.request("HEAD", "/stream")).status, 200);
  }
});

Deno.test("one listener too many is told why", async () => {
  await using api = await testApi({ withUi: true });
  const open = await Promise.all(
    Array.from({ length: LISTENERS_MAX }, () => api.fetch("/stream")),
  );
  const refused = await api.get("/stream");
  assertProblem(refused, 503, "unavailable");
  assertEquals(refused.body.detail, "Too many listeners");
  for (const { body } of open) await body?.cancel();
  const again = await api.fetch("/stream");
  assertEquals(again.status, 200);
  await again.body?.cancel();
});
