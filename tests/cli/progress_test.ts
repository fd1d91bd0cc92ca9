/** The bar of work that takes long. */
import { assert, assertEquals } from "@std/assert";
import { barOf, Progress } from "../../src/cli/progress.ts";

Deno.test("a bar is full at the end, never before it, and holds what is out of range", () => {
  assertEquals(barOf(0, 600), `[${"-".repeat(30)}]   0 %  0 of 600`);
  assertEquals(barOf(300, 600), `[${"#".repeat(15)}${"-".repeat(15)}]  50 %  300 of 600`);
  assert(barOf(599, 600).includes("-] ") && barOf(599, 600).includes(" 99 %"));
  assertEquals(barOf(600, 600), `[${"#".repeat(30)}] 100 %  600 of 600`);
  assertEquals(barOf(0, 0).slice(0, 32), `[${"#".repeat(30)}]`);
  assertEquals(barOf(7, 5).length, barOf(5, 5).length);
});

Deno.test("progress draws over itself, only what has changed, and leaves an empty line", () => {
  const drawn: string[] = [];
  const progress = new Progress("requeue", (text) => drawn.push(text));
  for (const done of [0, 0, 1, 2]) progress.show(done, 2);
  progress.show(3, null);
  progress.end();
  progress.end();
  assertEquals(drawn.length, 5);
  assert(drawn.every((text) => text.startsWith("\r\x1b[K") && !text.includes("\n")));
  assertEquals(drawn.at(-2), "\r\x1b[Krequeue  3");
  assertEquals(drawn.at(-1), "\r\x1b[K");
  new Progress("nowhere", null).show(1, 2);
});
