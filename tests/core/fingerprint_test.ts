/** Errors that are alike share a fingerprint; others do not. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { fingerprintOf, normalised } from "../../src/core/fingerprint.ts";

const alike: readonly (readonly [string, string])[] = [
  ["Timeout after 3000 ms", "Timeout after 15 ms"],
  ['No user "ada"', 'No user "bob the 2nd"'],
  ["Order 018f0000-0000-7000-8000-000000000000 is gone", "Order 4711 is gone"],
  ["connect ECONNREFUSED 10.0.0.1:5432", "connect ECONNREFUSED 192.168.7.9:15432"],
  ["key 'a' is taken by job_12ab", "key 'b' is taken by job_99"],
  ["at 2026-01-01T10:00:00.123Z: late", "at 2025-12-31T09:59:59Z: late"],
  ["ids 1, 2, 3 failed", "ids 9, 8 failed"],
  ["two\n  spaces", "two spaces"],
];

for (const [a, b] of alike) {
  Deno.test(`"${a}" is like "${b}"`, () => {
    assertEquals(normalised(a), normalised(b));
    assertEquals(
      fingerprintOf({ name: "Error", message: a }),
      fingerprintOf({ name: "Error", message: b }),
    );
  });
}

Deno.test("another name, or other words, are another error", () => {
  const of = (name: string, message: string) => fingerprintOf({ name, message });
  assertNotEquals(of("Error", "No such user"), of("TypeError", "No such user"));
  assertNotEquals(of("Error", "No such user"), of("Error", "No such order"));
});

Deno.test("a fingerprint is sixteen digits, whatever the message", () => {
  fc.assert(fc.property(fc.string(), fc.string(), (name, message) => {
    assert(/^[0-9a-f]{16}$/.test(fingerprintOf({ name, message })));
  }));
});
