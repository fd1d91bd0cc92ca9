/**
 * Mistakes in a program are told where they stand: by the compiler in the line below each
 * `@ts-expect-error`, and once more where there are no types.
 */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { z } from "zod";
import type { AnyActorRef } from "xstate";
import {
  defineHandler,
  encode,
  type GivesJson,
  giveUp,
  type Handler,
  type HandlerContext,
  InvalidInputError,
  type Kept,
  snooze,
  type Stored,
} from "perdura";

const input = z.strictObject({ cents: z.int(), note: z.string().default("") });
const output = z.strictObject({ receipt: z.string() });
type Pay = { cents: number; note?: string | undefined };
const batch = { size: 10, timeoutMs: 5 };

/** The compiler's answer to whether two types are one. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;
function demand<Wanted>() {
  return <Given>(_given: Given, _isSame: Same<Wanted, Given>) => {};
}

Deno.test("the output of a handler follows from its schema, or from what it gives", () => {
  const of = { type: "pay", input } as const;
  const list = defineHandler({ ...of, handle: ({ note }) => [note] });
  demand<Handler<"pay", Pay, string[]>>()(list, true);
  const soon = async ({ cents }: { cents: number }) => {
    await Promise.resolve();
    return cents > 1 ? { cents } : snooze(1);
  };
  demand<Handler<"pay", Pay, { cents: number }>>()(defineHandler({ ...of, handle: soon }), true);
  const checked = defineHandler({ ...of, output, handle: () => ({ receipt: "r" }) });
  demand<Handler<"pay", Pay, { receipt: string }>>()(checked, true);
  const many = defineHandler({
    ...{ ...of, batch },
    handle: (items) => items.map((item) => item.input.cents > 1 ? [item.input.note] : giveUp("no")),
  });
  demand<Handler<"pay", Pay, string[]>>()(many, true);
  const manyChecked = defineHandler({
    ...{ ...of, batch, output },
    handle: (items) => Promise.resolve(items.map(() => ({ receipt: "r" }))),
  });
  demand<Handler<"pay", Pay, { receipt: string }>>()(manyChecked, true);
  const named = defineHandler<"pay", typeof input, string>({ ...of, handle: () => "paid" });
  demand<Handler<"pay", Pay, string>>()(named, true);
  assertEquals([list, checked, many, manyChecked].map(({ type }) => type), Array(4).fill("pay"));
});

Deno.test("a mistake in a handler is told where it stands", () => {
  const of = { type: "pay", input } as const;
  const wrong = {
    result: () =>
      defineHandler({
        ...{ ...of, output },
        // @ts-expect-error: a receipt is text
        handle: ({ cents }) => ({ receipt: cents }),
      }),
    later: () =>
      defineHandler({
        ...{ ...of, output },
        // @ts-expect-error: a field is misspelt
        handle: (_, { step }) => step("charge", () => ({ reciept: "r" })),
      }),
    nothing: () =>
      defineHandler({
        ...{ ...of, output },
        // @ts-expect-error: it gives nothing
        handle: () => {},
      }),
    field: () =>
      defineHandler({
        ...of,
        // @ts-expect-error: the payload has no such field
        handle: ({ cent }) => cent,
      }),
    context: () =>
      defineHandler({
        ...of,
        // @ts-expect-error: the context has no such method
        handle: (_, { stepp }) => stepp("charge", () => 1),
      }),
    items: () =>
      defineHandler({
        ...{ ...of, batch },
        // @ts-expect-error: an item has its payload in `input`
        handle: (items) => items.map(({ cents }) => cents),
      }),
  };
  for (const define of Object.values(wrong)) assertEquals(define().type, "pay");
});

Deno.test("an option of a handler that is misspelt, or cannot be, is told where it stands", () => {
  const handle = () => null;
  const refused = (define: () => unknown, ...words: string[]) => {
    const { message } = assertThrows(define, Error);
    for (const word of words) assertStringIncludes(message, word);
  };
  refused(
    () =>
      defineHandler({
        ...{ type: "pay", input },
        // @ts-expect-error: it is timeoutMs
        timeoutMS: 5,
        handle,
      }),
    'handler "pay": Unknown option "timeoutMS"; the nearest is "timeoutMs"',
  );
  refused(
    () =>
      defineHandler({
        ...{ type: "pay", input },
        // @ts-expect-error: it is maxAttempts
        retry: { maxAttempt: 5 },
        handle,
      }),
    'handler "pay".retry: Unknown option "maxAttempt"; the nearest is "maxAttempts"',
  );
  refused(
    () =>
      defineHandler({
        ...{ type: "pay", input },
        // @ts-expect-error: milliseconds are a number
        timeoutMs: "5s",
        handle,
      }),
    'handler "pay".timeoutMs',
  );
  refused(
    () =>
      defineHandler({
        ...{ type: "pay", input },
        // @ts-expect-error: it is timeoutMs here, too
        batch: { size: 5, waitMs: 5 },
        handle: () => [],
      }),
    'handler "pay".batch',
  );
  refused(
    () =>
      defineHandler({
        type: "pay",
        // @ts-expect-error: no schema
        input: { cents: "int" },
        handle,
      }),
    "pay: A handler needs a zod schema",
  );
  refused(
    () =>
      defineHandler({
        // @ts-expect-error: no name
        type: 5,
        input,
        handle,
      }),
    "The type of a handler is a name",
  );
  // @ts-expect-error: nothing would run
  refused(() => defineHandler({ type: "pay", input }), "pay: A handler needs a function");
  assertThrows(
    // @ts-expect-error: jobs of a call share a thread
    () => defineHandler({ type: "pay", input, batch: { size: 0, timeoutMs: 5 }, isolate: true }),
    TypeError,
  );
  assertThrows(
    () => defineHandler({ type: "pay", input, limits: { ratePerMinute: 0 }, handle }),
    InvalidInputError,
  );
});

/** A step of a program's own, for whatever its work gives. */
function twice<T>(
  { step }: Pick<HandlerContext, "step">,
  work: (() => T | Promise<T>) & GivesJson<T>,
): Promise<readonly Kept<T>[]> {
  return Promise.all([step("first", work), step("second", work)]);
}

Deno.test("what wraps a step has its types", async () => {
  const context: Pick<HandlerContext, "step"> = {
    step: async (_name, work) => JSON.parse(JSON.stringify(await work())),
  };
  const [first] = await twice(context, () => new Date(0));
  const text: string | undefined = first;
  assertEquals(text, "1970-01-01T00:00:00.000Z");
  // @ts-expect-error: a Map is no JSON
  await twice(context, () => new Map());
});

Deno.test("what is stored in a form of its own has no type of another form", () => {
  const of: Stored<{ ear: AnyActorRef; home: URL; at: Date }> = JSON.parse(JSON.stringify(
    encode({ ear: { address: "a/ear" }, home: new URL("https://example.org"), at: new Date(0) }),
  ));
  const wrong = [
    // @ts-expect-error: of an actor there is an address
    () => of.ear.id.length,
    // @ts-expect-error: of an address there is a text
    () => of.home.href.length,
    // @ts-expect-error: of a date there is a text
    () => of.at.getTime(),
  ];
  for (const look of wrong) assertThrows(look, TypeError);
});
