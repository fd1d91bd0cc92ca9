import { assertEquals } from "@std/assert";
import { maskCode, maskSql, sqlLiterals } from "../../../tools/tidy/mask.ts";

/** Runs of blanks as one, so that a case reads at a glance. */
const squeeze = (text: string) => text.replace(/ +/g, " ");

const CASES: readonly [what: string, code: string, masked: string][] = [
  ["a line comment", "a; // b", "a; "],
  ["a block comment", "a /* b */ c", "a c"],
  ["strings", `f("a b", 'c "d"');`, `f(" ", ' ');`],
  ["escapes", String.raw`f("a\"b", c)`, `f(" ", c)`],
  ["a comment inside of a string", `f("// a"); b`, `f(" "); b`],
  ["an unclosed string ends with its line", `it's\nb`, `it' \nb`],
  ["a template", "f(`a b`); c", "f(` `); c"],
  ["a template with code", "f(`a ${b} c ${d}`)", "f(` ${b} ${d}`)"],
  ["nested templates and braces", "`a ${f({ b: `c ${d}` })} e`; g", "` ${f({ b: ` ${d}` })} `; g"],
  ["a pattern", `x = /a"b[/']/g; "c"`, `x = / /g; " "`],
  ["a pattern after return", "return /'/.test(a)", "return / /.test(a)"],
  ["a division", `a / b / "c"`, `a / b / " "`],
  ["a division after a bracket", `f(a) / 2 + '/'`, `f(a) / 2 + ' '`],
];

Deno.test.each(CASES)("maskCode() blanks %s", (_what, code, masked) => {
  assertEquals(squeeze(maskCode(code)), masked);
});

Deno.test("maskCode() keeps every offset and line", async () => {
  const code = await Deno.readTextFile(new URL(import.meta.url));
  const masked = maskCode(code);
  assertEquals(masked.length, code.length);
  assertEquals(masked.split("\n").length, code.split("\n").length);
  for (const [index, char] of [...masked].entries()) {
    if (char !== " ") assertEquals(char, code[index]);
  }
});

Deno.test("maskSql() blanks comments, sqlLiterals() finds what is quoted", () => {
  const sql = "-- it's\nselect 'a''b -- c', $x$ d $x$, $1, $2 /* 'e' */ from \"f\"";
  assertEquals(squeeze(maskSql(sql)), " \nselect 'a''b -- c', $x$ d $x$, $1, $2 from \"f\"");
  assertEquals(sqlLiterals(sql).map(([literal]) => literal), ["'a''b -- c'", "$x$ d $x$"]);
});
