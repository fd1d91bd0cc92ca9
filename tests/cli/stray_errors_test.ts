/** A process outlives the errors that its handlers leave behind. */
import { assertEquals, assertMatch } from "@std/assert";

Deno.test("a rejected promise and a throwing timer are logged, and the process goes on", async () => {
  const child = new URL("./stray_child.ts", import.meta.url).href;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", child],
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals([code, text(stdout)], [0, "alive"]);
  assertMatch(text(stderr), /left behind/);
  assertMatch(text(stderr), /from a timer/);
});
