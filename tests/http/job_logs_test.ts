/** What handlers log: kept, paged, capped, fenced, and followed. */
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { limits } from "../../src/core/limits.ts";
import { defineHandler, type Handler } from "../../src/runtime/handlers.ts";
import { claimAll, eventually } from "../support/build.ts";
import { testWorker } from "../support/worker.ts";
import { type Api, assertProblem, itemsOf, testApi, textOf } from "./support.ts";

const any = z.unknown();

/** Says what it was told to say, and takes part in the test by a gate. */
function talking(gate: Promise<void> = Promise.resolve()): Handler {
  return defineHandler({
    type: "debug.noop",
    input: z.looseObject({ lines: z.int().default(0), fails: z.boolean().default(false) }),
    handle: async ({ lines, fails }, { log, progress, job }) => {
      for (let n = 1; n <= lines; n++) log(`line ${n}`, { n });
      await gate;
      progress({ percent: 100 });
      log("last", undefined, "warn");
      if (fails && job.attempt === 1) throw new Error("again");
    },
  });
}

async function store(api: Api, payload: object): Promise<string> {
  const made = await api.post("/jobs", { type: "debug.noop", payload });
  return textOf(made.body.id);
}

async function pagesOf(api: Api, id: string, limit: number) {
  const items = [];
  let cursor = "";
  do {
    const page = await api.get(`/jobs/${id}/logs?limit=${limit}${cursor && `&cursor=${cursor}`}`);
    assertEquals(page.status, 200, JSON.stringify(page.body));
    items.push(...itemsOf(page));
    cursor = page.body.nextCursor === null ? "" : textOf(page.body.nextCursor);
  } while (cursor !== "");
  return items;
}

Deno.test("what every attempt logs is there, in order, with its data", async () => {
  await using api = await testApi();
  await using w = testWorker(api.db, [talking()]);
  const id = await store(api, { lines: 3, fails: true });
  await w.reach(id, "succeeded");
  const lines = await pagesOf(api, id, 3);
  assertEquals(
    lines.map(({ attempt, n, level, message }) => [attempt, n, level, message]),
    [1, 2].flatMap((attempt) => [
      ...[1, 2, 3].map((n) => [attempt, n, "info", `line ${n}`]),
      [attempt, 4, "warn", "last"],
    ]),
  );
  assertEquals(lines.slice(0, 2).map(({ data }) => data), [{ n: 1 }, { n: 2 }]);
  assertEquals(lines[3]?.data, null);
});

Deno.test("of a long log the newest lines are kept, and the number of the others", async () => {
  await using api = await testApi();
  await using w = testWorker(api.db, [talking()]);
  const id = await store(api, { lines: 2_500 });
  await w.reach(id, "succeeded");
  const page = await api.get(`/jobs/${id}/logs?limit=1000`);
  const lines = itemsOf(page);
  assertEquals(lines.length, limits.logLinesMax);
  assertEquals(lines.at(-1)?.message, "last");
  assertEquals(page.body.dropped, 2_501 - limits.logLinesMax);
});

Deno.test("what cannot be stored is cut or left out, and fails nothing", async () => {
  await using api = await testApi();
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  const odd = defineHandler({
    type: "debug.noop",
    input: any,
    handle: (_, { log }) => {
      log("x".repeat(10_000));
      log("nul \0 and \ud800 alone");
      log("circle", circle);
      log("large", "y".repeat(100_000));
      log("function", () => {});
      log("nul", { text: "\0" });
      return null;
    },
  });
  await using w = testWorker(api.db, [odd]);
  const id = await store(api, {});
  await w.reach(id, "succeeded");
  const lines = await pagesOf(api, id, 100);
  assertEquals(lines.length, 6);
  assertEquals(textOf(lines[0]?.message).length, limits.logMessageLengthMax + 1);
  assertEquals(lines[1]?.message, "nul  and \ufffd alone");
  for (const line of lines.slice(2)) {
    assertEquals(line.data, null);
    assert(textOf(line.message).includes("left out"), textOf(line.message));
  }
});

Deno.test("lines of a handler that writes in its transaction are in before it commits", async () => {
  await using api = await testApi();
  const writing = defineHandler({
    type: "debug.noop",
    input: any,
    handle: (_, { log, transaction }) => {
      log("before");
      return transaction((sql) => {
        log("inside");
        return sql`select 1 as one`.then(() => null);
      });
    },
  });
  await using w = testWorker(api.db, [writing]);
  const id = await store(api, {});
  await w.reach(id, "succeeded");
  assertEquals((await pagesOf(api, id, 10)).map(({ message }) => message), ["before", "inside"]);
});

Deno.test("whoever has lost the lease writes no line", async () => {
  await using api = await testApi();
  const id = await store(api, {});
  const [held] = await claimAll(api.db.store, 10);
  assert(held?.id === id);
  const line = { n: 1, ageMs: 5, level: "info", message: "late", dataJson: null } as const;
  const { logs } = api.db.store;
  assertEquals(await logs.save({ ...held, version: held.version - 1 }, [line], 0), false);
  assertEquals(await logs.save({ ...held, leaseId: crypto.randomUUID() }, [line], 0), false);
  assertEquals(await logs.save(held, [line], 0), true);
  assertEquals((await pagesOf(api, id, 10)).length, 1);
});

Deno.test("a follower gets each line and the progress as they come, and the end", async () => {
  await using api = await testApi();
  const gate = Promise.withResolvers<void>();
  await using w = testWorker(api.db, [talking(gate.promise)]);
  const id = await store(api, { lines: 2 });
  const response = await api.fetch(`/jobs/${id}/logs`, {
    headers: { accept: "text/event-stream" },
  });
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  let text = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
  })();
  await eventually("the first lines come", () => Promise.resolve(text.includes("line 2")));
  assert(!text.includes("last"));
  gate.resolve();
  await w.reach(id, "succeeded");
  await reading;
  const events = text.split("\n\n").filter((block) =>
    block.startsWith("id:") || block.startsWith("event:")
  );
  const kinds = events.map((block) => /event: (\w+)/.exec(block)?.[1]);
  assertEquals(kinds.filter((kind) => kind === "log").length, 3);
  assertEquals(kinds.at(-1), "end");
  assert(kinds.includes("progress"));
  const [, cursor = ""] = /id: (\S+)\nevent: log\ndata: .*line 2/.exec(text) ?? [];
  const again = await api.fetch(`/jobs/${id}/logs?follow=true`, {
    headers: { "last-event-id": cursor },
  });
  const rest = await again.text();
  assert(rest.includes("last") && !rest.includes("line 2") && rest.includes("event: end"));
});

Deno.test("whoever follows a job that says nothing is answered at once", async () => {
  await using api = await testApi();
  const id = await store(api, {});
  let response: Response | null = null;
  const asking = api.fetch(`/jobs/${id}/logs?follow=true`).then((answer) => response = answer);
  await eventually("it is answered", () => Promise.resolve(response !== null));
  await (await asking).body?.cancel();
  assertEquals((await api.request("HEAD", `/jobs/${id}/logs?follow=true`)).status, 200);
});

Deno.test("a log of no job is a 404, a wrong cursor a 400", async () => {
  await using api = await testApi();
  const id = await store(api, {});
  const nobody = "01890000-0000-7000-8000-000000000001";
  assertProblem(await api.get(`/jobs/${nobody}/logs`), 404, "not_found");
  assertProblem(await api.get(`/jobs/${nobody}/logs?follow=true`), 404, "not_found");
  assertProblem(await api.get(`/jobs/${id}/logs?cursor=nonsense`), 400, "malformed");
  assertProblem(await api.get("/jobs/nonsense/logs"), 400, "malformed");
  assertEquals((await api.get(`/jobs/${id}/logs`)).body, {
    items: [],
    nextCursor: null,
    dropped: 0,
  });
});

Deno.test("who has gone is told nothing more, even where the look for news has failed", async () => {
  await using api = await testApi();
  const id = await store(api, {});
  const isAsked = Promise.withResolvers<void>();
  const isGone = Promise.withResolvers<void>();
  const list = async () => {
    isAsked.resolve();
    await isGone.promise;
    throw new Error("Nobody can read this log");
  };
  Object.assign(api.db.store.logs, { list });
  const answer = await api.fetch(`/jobs/${id}/logs?follow=true`);
  const reader = answer.body?.getReader();
  assertEquals(new TextDecoder().decode((await reader?.read())?.value), "retry: 1000\n\n");
  await isAsked.promise;
  await reader?.cancel();
  isGone.resolve();
  // An error that nobody takes would end the process, and fails the test.
  assertEquals((await api.get(`/jobs/${id}`)).status, 200);
});
