/** Streams that break off: nobody asks any more who they go to. */
import { assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Hono } from "hono";
import { allowAll } from "../../src/http/access.ts";
import { cutStreams } from "../../src/http/lasting.ts";

Deno.test("of a stream that has broken off it is not asked who it goes to", async () => {
  using time = new FakeTime();
  let asked = 0;
  const source = Promise.withResolvers<ReadableStreamDefaultController<Uint8Array>>();
  const body = new ReadableStream<Uint8Array>({ start: source.resolve });
  const headers = { "content-type": "text/event-stream" };
  const app = new Hono()
    .use(cutStreams((c) => {
      asked++;
      return allowAll(c);
    }))
    .get("/", () => new Response(body, { headers }));
  const response = await app.request("/");
  await time.tickAsync(5_000);
  const before = asked;
  assertEquals(before > 0, true);
  (await source.promise).error(new Error("the database is away"));
  await assertRejects(() => response.text(), Error, "the database is away");
  await time.tickAsync(60_000);
  assertEquals(asked, before);
});
