/** Ciphertext that only its key opens, and only in its place. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Cipher, parseCipherKeys, type Place } from "../../src/core/cipher.ts";
import type { Json } from "../../src/core/json.ts";

const keyText = (byte: number) => btoa(String.fromCharCode(...new Uint8Array(32).fill(byte)));
const [one, two] = [`k1:${keyText(1)}`, `k2:${keyText(2)}`];
const place: Place = { tenantId: "a", jobId: "j", field: "payload" };
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as Json);

Deno.test("any JSON comes back, and nothing of it is in the ciphertext", async () => {
  const cipher = new Cipher(parseCipherKeys(one));
  await fc.assert(
    fc.asyncProperty(json, async (value) => {
      const sealed = await cipher.encrypt(JSON.stringify(value), place);
      assertEquals(await cipher.decrypt(JSON.parse(sealed), place), value);
    }),
    { numRuns: 200 },
  );
  const sealed = await cipher.encrypt('{"card":"4111-1111"}', place);
  assert(
    !sealed.includes("4111") && sealed !== await cipher.encrypt('{"card":"4111-1111"}', place),
  );
  const large = JSON.stringify("x".repeat(1_000_000));
  assertEquals(
    await cipher.decrypt(JSON.parse(await cipher.encrypt(large, place)), place),
    JSON.parse(large),
  );
});

Deno.test("moved, changed, or of a key that is not known, it shows nothing", async () => {
  const cipher = new Cipher(parseCipherKeys(one));
  const sealed = JSON.parse(await cipher.encrypt('{"a":1}', place));
  const elsewhere: Place[] = [
    { ...place, tenantId: "b" },
    { ...place, jobId: "other" },
    { ...place, field: "output" },
  ];
  for (const wrong of elsewhere) assertEquals(await cipher.decrypt(sealed, wrong), sealed);
  const { data } = sealed.$encrypted;
  const changed = {
    $encrypted: { ...sealed.$encrypted, data: (data[0] === "A" ? "B" : "A") + data.slice(1) },
  };
  assertEquals(await cipher.decrypt(changed, place), changed);
  const stranger = new Cipher(parseCipherKeys(two));
  assertEquals(await stranger.decrypt(sealed, place), sealed);
  for (const plain of [null, 1, "x", [], { $encrypted: 1 }, { $encrypted: { key: "k1" } }]) {
    assertEquals(await cipher.decrypt(plain, place), plain);
  }
});

Deno.test("a key is changed by putting another in front of it", async () => {
  const old = await new Cipher(parseCipherKeys(one)).encrypt('"old"', place);
  const rotated = new Cipher(parseCipherKeys(`${two}, ${one}`));
  assertEquals(await rotated.decrypt(JSON.parse(old), place), "old");
  const fresh = JSON.parse(await rotated.encrypt('"new"', place));
  assertEquals(fresh.$encrypted.key, "k2");
  assertEquals(await rotated.decrypt(fresh, place), "new");
});

Deno.test("keys that are none are refused, and not shown", () => {
  for (
    const text of ["", "k1", "k1:short", `:${keyText(1)}`, `${one},${one}`, `k 1:${keyText(1)}`]
  ) {
    const error = assertThrows(() => parseCipherKeys(text), TypeError);
    assert(!error.message.includes("short") && !error.message.includes(keyText(1)));
  }
});
