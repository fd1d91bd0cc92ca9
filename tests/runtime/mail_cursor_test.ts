/** From where mail is looked at: the head while that is cheap, and after a while in any case. */
import { assertEquals } from "@std/assert";
import { MailCursor } from "../../src/runtime/mail_cursor.ts";

/** A cursor, the time that it goes by, and a look that finds something. */
function cursorAt(nowMs: number) {
  const time = { nowMs };
  const cursor = new MailCursor({ monotonic: () => time.nowMs });
  const look = (oldest: number, tookMs: number) => {
    const { from, settle } = cursor.begin();
    settle({ oldest, tookMs });
    return from;
  };
  return { time, cursor, look };
}

Deno.test("a look at mail begins at the head as long as that is cheap", () => {
  const { cursor, look } = cursorAt(0);
  assertEquals(look(1_000, 1.5), null, "nothing is known yet");
  assertEquals(look(1_001, 2), null);
  assertEquals(cursor.from, null);
});

Deno.test("a dear look from the head stands for twenty times as long, and others begin where it ended", () => {
  const { time, cursor, look } = cursorAt(0);
  assertEquals(look(1_000, 40), null);
  assertEquals(look(1_000, 13), null, "a single one may have been unlucky");
  assertEquals(look(1_002, 1), 999.75, "what was under way then may come a little before");
  assertEquals(look(1_001, 1), 1_001.75, "it goes on with what is found");
  assertEquals(cursor.from, 1_000.75, "and back: mail came late, and is not read yet");
  time.nowMs = 199;
  assertEquals(cursor.from, 1_000.75);
  time.nowMs = 200;
  assertEquals(cursor.from, null, "its share of the time is over");
});

Deno.test("where every look takes long, the head is not what is dear", () => {
  const { cursor, look } = cursorAt(0);
  assertEquals(look(1_000, 13), null);
  assertEquals(look(1_000, 13), null);
  assertEquals(look(1_001, 12), 999.75);
  assertEquals(cursor.from, null);
});

Deno.test("however dear the head is, it is looked at every five seconds", () => {
  const { time, cursor, look } = cursorAt(100);
  look(1_000, 60_000);
  look(1_000, 60_000);
  time.nowMs = 5_099;
  assertEquals(cursor.from, 999.75);
  time.nowMs = 5_100;
  assertEquals(cursor.from, null);
});

Deno.test("where old mail is offered again the next look begins at the head, whatever was under way", () => {
  const { cursor, look } = cursorAt(0);
  look(1_000, 60);
  look(1_000, 60);
  const under = cursor.begin();
  assertEquals(under.from, 999.75);
  cursor.rewind();
  under.settle({ oldest: 1_005, tookMs: 1 });
  assertEquals(look(900, 60), null);
  assertEquals(cursor.from, 899.75);
});
