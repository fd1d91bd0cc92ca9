/** `deno task load`: its flags, its figures, and a small load on a server of its own. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { SaxesParser } from "saxes";
import { arrivalTimes, pickKind } from "../../tools/load/arrivals.ts";
import { readFlags } from "../../tools/load/flags.ts";
import { countsPerSecond, percentilesOf } from "../../tools/load/report.ts";

const ROOT = new URL("../../", import.meta.url);

async function load(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "tools/load.ts", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

Deno.test("flags of a load are checked", () => {
  const wrong = [
    ["--rat", "5"],
    ["--rate", "0"],
    ["--rate=fast"],
    ["--seconds", "3601"],
    ["--mix", "debug.noop:0"],
    ["--mix", ""],
    ["--payload", "{"],
    ["--url", "localhost"],
    ["--out", "plot.png"],
    ["here"],
  ];
  for (const args of wrong) assertEquals(typeof readFlags(args), "string", args.join(" "));
  const flags = readFlags(["--rate", "5", "--mix=a.b:3,c", "--payload", '{"n":1}']);
  assert(typeof flags === "object");
  assertEquals([flags.rate, flags.seconds, flags.url], [5, 20, null]);
  assertEquals(flags.mix, [
    { type: "a.b", weight: 3, payload: { n: 1 } },
    { type: "c", weight: 1, payload: { n: 1 } },
  ]);
});

Deno.test("arrivals are of the wanted rate, kinds of their weight, percentiles of the nearest rank", () => {
  let n = 0;
  // Evenly spread, so that what is drawn is as it should be on average.
  const even = () => (n++ * 0.618033988749895) % 1;
  const times = arrivalTimes(100, 100, even);
  assert(Math.abs(times.length - 10_000) < 300, String(times.length));
  assertEquals(times, times.toSorted((a, b) => a - b));
  const mix = [{ type: "a", weight: 3, payload: {} }, { type: "b", weight: 1, payload: {} }];
  const picked = Array.from({ length: 1_000 }, () => pickKind(mix, even).type);
  const share = picked.filter((type) => type === "a").length;
  assert(Math.abs(share - 750) < 20, String(share));
  const hundred = percentilesOf(Array.from({ length: 100 }, (_, i) => 100 - i));
  assertEquals(hundred, [[50, 50], [75, 75], [90, 90], [95, 95], [99, 99], [99.9, 100], [
    100,
    100,
  ]]);
  assertEquals(percentilesOf([]), []);
  assertEquals(countsPerSecond([0, 999, 1_000, 3_500]), [2, 1, 0, 1]);
});

Deno.test("a wrong flag is told with the usage, exit 2; no server is exit 1", async () => {
  const wrong = await load("--rate", "none");
  assertEquals([wrong.code, wrong.out], [2, ""]);
  assertMatch(wrong.err, /^--rate takes a number from 1 to 100000\n\nusage: deno task load/);
});

Deno.test("a small load: every job is taken and ended, the text says so, the plot is one", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const out = `${dir}/plots/load.svg`;
    const { code, out: text, err } = await load("--rate", "30", "--seconds", "2", "--out", out);
    assertEquals(code, 0, err);
    const [, arrived] = /^arrived (\d+) \(.*\), taken \1, not taken 0$/m.exec(text) ?? [];
    assert(Number(arrived) > 0, text);
    assertMatch(text, new RegExp(`^ended ${arrived} \\(.*\\): ${arrived} succeeded$`, "m"));
    for (const name of ["enqueue", "wait", "end to end"]) {
      assertMatch(text, new RegExp(`^${name} +(\\d+\\.\\d +){6}\\d+\\.\\d$`, "m"));
    }
    const names: string[] = [];
    const parser = new SaxesParser();
    parser.on("opentag", ({ name }) => names.push(name));
    parser.write(await Deno.readTextFile(out)).close();
    assertEquals(names.filter((name) => name === "polyline").length, 6);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
