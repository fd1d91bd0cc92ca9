/** If-None-Match: who has an answer by its ETag is not sent it again, and never told so of one that has changed. */
import { assert, assertEquals } from "@std/assert";
import { type Api, jobIn, testApi } from "./support.ts";

async function ask(api: Api, path: string, etag: string, method = "GET") {
  const response = await api.fetch(path, { method, headers: { "if-none-match": etag } });
  return [response.status, await response.text(), response.headers.get("etag")];
}

async function tagOf(api: Api, path: string): Promise<string> {
  const response = await api.fetch(path);
  await response.body?.cancel();
  return response.headers.get("etag") ?? "";
}

Deno.test("a job, an actor, a chart and the document are not sent to who has them", async () => {
  await using api = await testApi({ withUi: true });
  const id = await jobIn(api, "succeeded");
  const actor = await api.post("/actors", {
    machine: "approval",
    id: "a-1",
    input: { title: "A new chair", approver: "ada" },
  });
  assertEquals(actor.status, 201, JSON.stringify(actor.body));
  const paths = [`/jobs/${id}`, "/actors/a-1", "/machines/job/chart.svg", "/openapi.json"];
  for (const path of paths) {
    const etag = await tagOf(api, path);
    assert(etag !== "", path);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      assertEquals(await ask(api, path, known), [304, "", etag], `${path} ${known}`);
      assertEquals(await ask(api, path, known, "HEAD"), [304, "", etag], `${path} ${known}`);
    }
    for (const unknown of ['"other"', etag.slice(1, -1), ""]) {
      assertEquals((await ask(api, path, unknown))[0], 200, `${path} ${unknown}`);
    }
  }
});

Deno.test("a job that has changed is sent, and one that runs always: its lease changes beside its version", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending");
  const etag = await tagOf(api, `/jobs/${id}`);
  await api.post(`/jobs/${id}/events`, { type: "CANCEL" });
  assertEquals((await ask(api, `/jobs/${id}`, etag))[0], 200);
  const running = await jobIn(api, "running");
  const now = await tagOf(api, `/jobs/${running}`);
  assertEquals((await ask(api, `/jobs/${running}`, now))[0], 200);
});
