/** API keys: made, known, revoked, and never guessed at. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../src/core/clock.ts";
import { InvalidInputError, NotFoundError, UnauthenticatedError } from "../../src/core/errors.ts";
import { Gatekeeper } from "../../src/runtime/gatekeeper.ts";
import { Keys } from "../../src/runtime/keys.ts";
import { eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

const ofTenant = { name: "shop", tenantId: "acme", scopes: ["enqueue", "read"] };

const makerOf = (tenantId: string) => ({ tenantId, may: () => true });

/** A gatekeeper that has not asked yet, as another process would have. */
function gatekeeper(db: TestDatabase): Gatekeeper {
  return new Gatekeeper(db.store.keys, systemClock);
}

Deno.test("a key gives its tenant and scopes, and its secret is stored nowhere", async () => {
  await using db = await testDatabase();
  const { key, text } = await new Keys(db.store.keys).create(ofTenant);
  const access = await gatekeeper(db).admit(text);
  assertEquals([access.actor, access.tenantId, [...access.scopes]], [
    `key ${key.id}`,
    "acme",
    ["enqueue", "read"],
  ]);
  const [row] = await db.sql`select to_jsonb(k) as k from perdura.api_key k`;
  const secret = text.replace(/^perdura_[0-9a-f]{32}_/, "");
  assert(secret.length >= 43 && !JSON.stringify(row?.k).includes(secret));
  await eventually("its use is noted", async () => {
    const [listed] = await new Keys(db.store.keys).list("acme");
    return listed?.lastUsedAt !== null;
  });
});

Deno.test("what is not a live key is refused with the same words", async () => {
  await using db = await testDatabase();
  const keys = new Keys(db.store.keys);
  const { key, text } = await keys.create(ofTenant);
  const expired = await keys.create({ ...ofTenant, expiresAt: "2999-01-01T00:00:00.000Z" });
  await db.sql`update perdura.api_key set expires_at = now() where id = ${expired.key.id}`;
  const revoked = await keys.create(ofTenant);
  await keys.revoke(null, revoked.key.id);
  const other = text.at(-2) === "A" ? "B" : "A";
  const wrong = text.slice(0, -2) + other + text.slice(-1);
  const unknown = text.replace(/_[0-9a-f]{32}_/, `_${"0".repeat(32)}_`);
  const texts = ["", "perdura_", "x".repeat(4000), wrong, unknown, expired.text, revoked.text];
  const words = await Promise.all(texts.map(async (given) => {
    const error = await assertRejects(() => gatekeeper(db).admit(given), UnauthenticatedError);
    return error.message;
  }));
  assertEquals(new Set(words).size, 1);
  assertEquals((await gatekeeper(db).admit(text)).actor, `key ${key.id}`);
});

Deno.test("a revoked key is believed for three seconds at most", async () => {
  await using db = await testDatabase();
  const keys = new Keys(db.store.keys);
  const { key, text } = await keys.create(ofTenant);
  let now = 0;
  const door = new Gatekeeper(db.store.keys, { ...systemClock, monotonic: () => now });
  await door.admit(text);
  await keys.revoke(null, key.id);
  now = 3_001;
  await assertRejects(() => door.admit(text), UnauthenticatedError);
});

Deno.test("a busy key is asked for again before it has to be, and once", async () => {
  await using db = await testDatabase();
  const { text } = await new Keys(db.store.keys).create(ofTenant);
  let now = 0;
  const asked: Promise<unknown>[] = [];
  const store = {
    ...db.store.keys,
    findKey: (id: string) => {
      const found = db.store.keys.findKey(id);
      asked.push(found);
      return found;
    },
    touchKey: () => Promise.resolve(),
  };
  const door = new Gatekeeper(store, { ...systemClock, monotonic: () => now });
  assertEquals(door.known(text), null);
  const access = await door.admit(text);
  now = 1_900;
  assertEquals([door.known(text), asked.length], [access, 1]);
  now = 2_900;
  for (let n = 0; n < 5; n++) assertEquals(door.known(text), access);
  await eventually("it is asked for again", () => Promise.resolve(asked.length === 2));
  await asked[1];
  now = 3_900;
  await eventually("it is known for longer", () => Promise.resolve(door.known(text) !== null));
  now = 6_000;
  assertEquals(door.known(text), null, "nobody came by meanwhile");
});

Deno.test("of two first starts one makes the platform key; a later one makes none", async () => {
  await using db = await testDatabase();
  const keys = new Keys(db.store.keys);
  const made = await Promise.all(Array.from({ length: 8 }, () => keys.createFirst()));
  const [first, ...others] = made.filter((created) => created !== null);
  assert(first && others.length === 0);
  assertEquals((await gatekeeper(db).admit(first.text)).tenantId, null);
  assertEquals(await keys.createFirst(), null);
  await keys.revoke(null, first.key.id);
  const again = await keys.createFirst();
  assertEquals(again?.key.isLive, true, "none lived any more");
  await assertRejects(() => gatekeeper(db).admit(first.text), UnauthenticatedError);
});

Deno.test("rotation gives a new key and ends the old one", async () => {
  await using db = await testDatabase();
  const keys = new Keys(db.store.keys);
  const old = await keys.create(ofTenant);
  await assertRejects(() => keys.rotate(old.key.id, 0, makerOf("other")), NotFoundError);
  const fresh = await keys.rotate(old.key.id, 0, makerOf("acme"));
  assertEquals([fresh.key.tenantId, fresh.key.scopes], ["acme", ["enqueue", "read"]]);
  await gatekeeper(db).admit(fresh.text);
  await assertRejects(() => gatekeeper(db).admit(old.text), UnauthenticatedError);
  await assertRejects(() => keys.rotate(old.key.id, 0, makerOf("acme")), NotFoundError);
});

Deno.test("a platform key has no tenant, a tenant's key no platform", async () => {
  await using db = await testDatabase();
  const keys = new Keys(db.store.keys);
  const wrong = [
    { ...ofTenant, scopes: ["platform"] },
    { name: "x", scopes: ["read"] },
    { ...ofTenant, scopes: [] },
    { ...ofTenant, scopes: ["root"] },
    { ...ofTenant, tenantId: "" },
    { ...ofTenant, more: 1 },
  ];
  for (const input of wrong) await assertRejects(() => keys.create(input), InvalidInputError);
  assertEquals(await keys.list(null), []);
});
