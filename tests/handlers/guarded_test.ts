/** Whom requests of handlers may reach, whatever a name or an address is dressed as. */
import { assertEquals, assertRejects } from "@std/assert";
import { PermanentError } from "perdura";
import { checkedAddress, isPublic } from "../../handlers/guarded.ts";

const inside: Readonly<Record<string, readonly string[]>> = {
  "the machine": ["127.0.0.1", "127.1.2.3", "0.0.0.0", "0.1.2.3", "::", "::1"],
  "private networks": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1"],
  "local networks": ["169.254.169.254", "fe80::1", "fc00::1", "fd00::1", "fec0::1"],
  "IPv4 in IPv6": [
    ...["::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "::7f00:1", "::a9fe:a9fe"],
    ...["::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::"],
    "2001:0:7f00:1::",
  ],
  "nobody's": ["192.0.2.1", "198.18.0.1", "240.0.0.1", "255.255.255.255", "2001:db8::1"],
  "many": ["224.0.0.1", "ff02::1"],
};

for (const [what, addresses] of Object.entries(inside)) {
  Deno.test(`an address of ${what} is not public`, () => {
    assertEquals(addresses.filter(isPublic), []);
  });
}

Deno.test("addresses of the internet are public", () => {
  const outside = ["93.184.216.34", "::ffff:93.184.216.34", "2606:4700::1111", "2a00:1450::1"];
  assertEquals(outside.filter(isPublic), outside);
});

Deno.test("a name on the list that leads to a private address is refused, unless that is on it too", async () => {
  const check = (url: string, ...allowed: string[]) =>
    checkedAddress(new URL(url), new Set(allowed));
  await assertRejects(
    () => check("http://localhost/", "localhost"),
    PermanentError,
    "which is not public",
  );
  const address = await check("http://localhost/", "localhost", "127.0.0.1", "::1");
  assertEquals(isPublic(address), false);
  // An address is compared as it is: in another dress it is another one.
  for (
    const url of [
      "http://[::ffff:127.0.0.1]/",
      "http://[::1]/",
      "http://localhost./",
      "http://2130706434/",
    ]
  ) {
    await assertRejects(
      () => check(url, "127.0.0.1", "localhost"),
      PermanentError,
      "is not allowed",
    );
  }
});
