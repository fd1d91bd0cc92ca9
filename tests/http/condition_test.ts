/** If-None-Match: who has an answer by its ETag is not sent it again, and never told so of one that has changed. */
import { assert, assertEquals } from "@std/assert";
import { changeFor, claimAll } from "../support/build.ts";
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
  assertEquals((await api.post("/actors/a-1/events", { type: "APPROVE", by: "ada" })).status, 200);
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

Deno.test("an actor that has not ended is always sent: its work ends beside its version", async () => {
  await using api = await testApi();
  const input = { total: 1, items: ["chair"] };
  const { body } = await api.post("/actors", { machine: "order", id: "o-1", input });
  assert(Array.isArray(body.activities) && body.activities.length === 1);
  const etag = await tagOf(api, "/actors/o-1");
  for (const job of await claimAll(api.db.store, 10)) {
    await api.db.store.commit(null, [changeFor(job, { type: "SUCCEED" })]);
  }
  const [status, text, now] = await ask(api, "/actors/o-1", etag);
  assertEquals([status, now], [200, etag]);
  assertEquals(JSON.parse(String(text)).activities, []);
});
