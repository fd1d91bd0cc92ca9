/** `/files`: whole or not at all, of one tenant, and saved, never shown. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { limits } from "../../src/core/limits.ts";
import { type Api, assertProblem, testApi } from "./support.ts";

function formOf(parts: Record<string, File | string>): FormData {
  const form = new FormData();
  for (const [name, part] of Object.entries(parts)) form.append(name, part);
  return form;
}

/** As a client sends it; the test's own `request` sends JSON. */
function send(api: Api, body: BodyInit, query = "", headers: Record<string, string> = {}) {
  return api.fetch(`/files${query}`, { method: "POST", body, headers });
}

async function stored(api: Api, file: File): Promise<string> {
  const reply = await send(api, formOf({ file }));
  assertEquals(reply.status, 201);
  const { fileId } = await reply.json();
  assertEquals(reply.headers.get("location"), `/files/${fileId}`);
  return fileId;
}

Deno.test("a file comes back as it was sent, byte by byte, in pieces", async () => {
  await using api = await testApi();
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  // Longer than two pieces.
  const file = new File(Array.from({ length: 11 }, () => bytes), "Größe '1'.bin", {
    type: "text/html",
  });
  const id = await stored(api, file);
  const about = await api.get(`/files/${id}`);
  assertEquals([about.body.name, about.body.size], ["Größe '1'.bin", 660_000]);
  const content = await api.fetch(`/files/${id}/content`);
  assertEquals(new Uint8Array(await content.arrayBuffer()), await file.bytes());
  assertEquals(content.headers.get("content-type"), "application/octet-stream");
  assertEquals(
    content.headers.get("content-disposition"),
    "attachment; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%271%27.bin",
  );
});

Deno.test("an empty file is a file", async () => {
  await using api = await testApi();
  const id = await stored(api, new File([], "empty.csv"));
  const content = await api.fetch(`/files/${id}/content`);
  assertEquals([content.status, await content.text()], [200, ""]);
});

Deno.test("a file that is deleted is gone with its pieces", async () => {
  await using api = await testApi();
  const id = await stored(api, new File(["a,b"], "a.csv"));
  assertEquals((await api.request("DELETE", `/files/${id}`)).status, 204);
  assertProblem(await api.get(`/files/${id}`), 404, "not_found");
  assertProblem(await api.request("DELETE", `/files/${id}`), 404, "not_found");
  const [row] = await api.db.sql`select count(*)::int as n from perdura.file_piece`;
  assertEquals(row?.n, 0);
});

Deno.test("a file belongs to a tenant, and half a file to nobody", async () => {
  await using api = await testApi();
  const reply = await send(api, formOf({ file: new File(["x"], "x") }), "?tenantId=a");
  const { fileId } = await reply.json();
  assertEquals((await api.get(`/files/${fileId}?tenantId=a`)).status, 200);
  assertEquals((await api.get(`/files/${fileId}`)).status, 200);
  assertProblem(await api.get(`/files/${fileId}?tenantId=b`), 404, "not_found");
  await api.db.sql`update perdura.file set size = null, created_at = now() - interval '2 hours'`;
  assertProblem(await api.get(`/files/${fileId}`), 404, "not_found");
  await send(api, formOf({ file: new File(["y"], "y") }), "?tenantId=a");
  const [row] = await api.db.sql`select count(*)::int as n from perdura.file`;
  assertEquals(row?.n, 1);
});

Deno.test("what is no form with one file is refused, and nothing is stored", async () => {
  await using api = await testApi();
  const file = new File(["x"], "x.csv");
  const wrong: [BodyInit, number, string, Record<string, string>?][] = [
    [formOf({ other: file }), 422, "other"],
    [formOf({ file, more: "text" }), 422, "more"],
    [formOf({ file: "text" }), 422, "Must be one file"],
    [formOf({}), 422, "Must be one file"],
    ["--x\r\nnot a form", 422, "Must be one file", {
      "content-type": "multipart/form-data; boundary=x",
    }],
    ["{}", 415, "multipart/form-data", { "content-type": "application/json" }],
    [new Uint8Array(limits.fileBytesMax + 65 * 1024 + 1), 413, "", {
      "content-type": "multipart/form-data; boundary=x",
    }],
    [formOf({ file: new File([new Uint8Array(limits.fileBytesMax + 1)], "33 MiB") }), 413, "File"],
  ];
  for (const [body, status, words, headers] of wrong) {
    const reply = await send(api, body, "", headers);
    const text = await reply.text();
    assertEquals(reply.status, status, text);
    assertStringIncludes(text, words);
  }
  const [row] = await api.db.sql`select count(*)::int as n from perdura.file`;
  assertEquals(row?.n, 0);
});
