/** The command line of the benchmark: what it takes, and what it refuses. */
import { assert, assertEquals } from "@std/assert";
import { readFlags, usage } from "../../bench/flags.ts";
import { workloadsOf } from "../../bench/cells/workloads.ts";

const names = workloadsOf("full").map(({ name }) => name);

Deno.test("without flags it runs everything in three rounds", () => {
  assertEquals(readFlags([], names), { isQuick: false, isJson: false, rounds: 3, only: [] });
});

Deno.test("flags may come in any order, with a space or an equals sign", () => {
  const expected = { isQuick: true, isJson: true, rounds: 5, only: ["drain", "latency"] };
  const written = ["--json", "--rounds", "5", "--only", "drain,latency", "--quick"];
  assertEquals(readFlags(written, names), expected);
  assertEquals(
    readFlags(["--", "--quick", "--json", "--rounds=5", "--only=drain,latency"], names),
    expected,
  );
});

Deno.test("a wrong flag is named, not ignored", () => {
  const wrong = [
    ["--quik"],
    ["drain"],
    ["--rounds"],
    ["--rounds", "0"],
    ["--rounds", "100"],
    ["--rounds=three"],
    ["--only"],
    ["--only", ""],
    ["--only", "drain,drian"],
  ];
  for (const args of wrong) assertEquals(typeof readFlags(args, names), "string", args.join(" "));
});

Deno.test("the usage names every workload, and both sizes have the same ones", () => {
  assertEquals(workloadsOf("quick").map(({ name }) => name), names);
  for (const name of names) assert(usage(names).includes(name), name);
});
