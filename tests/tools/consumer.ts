/** A program of somebody who has the package: it type-checks as it is, and says what it did. */
import process from "node:process";
import { createRuntime, defineHandler, defineMachine } from "perdura";
import { step } from "perdura/actor";
import { type ActorOf, createClient, ProblemError } from "perdura/client";
import { setup } from "xstate";
import { z } from "zod";

const greet = defineHandler({
  type: "greet",
  input: z.strictObject({ name: z.string() }),
  handle: ({ name }) => ({ text: `Hello ${name}` }),
});
const chart = setup({ types: {} as { events: { type: "OPEN" } | { type: "SHUT" } } })
  .createMachine({
    id: "door",
    initial: "shut",
    states: { shut: { on: { OPEN: "open" } }, open: { on: { SHUT: "shut" } } },
  });
const door = defineMachine(chart, { version: "1" });
const program = { handlers: [greet], machines: [door] };

/** What the compiler has to say of the library, in Node's own words: never run. */
export async function types(databaseUrl: string): Promise<string> {
  const perdura = await createRuntime({ databaseUrl, ...program });
  // @ts-expect-error: a name is text
  await perdura.enqueue(greet, { name: 7 });
  // @ts-expect-error: the chart has no such event
  await perdura.actorsOf(door).send("front", { type: "LOCK" });
  const { text } = await perdura.enqueueAndWait(greet, { name: "Ada" });
  return text.toUpperCase();
}

const client = createClient<typeof program>({ url: process.argv[2] ?? "" });
const job = await client.enqueueAndWait("greet", { name: "Ada" });
const started = await client.actorsOf("door").start({ id: "front" });
const actor: ActorOf<typeof door> = started.actor;
// @ts-expect-error: nobody handles this
const unknown = await client.enqueue("greets", {}).catch((error: unknown) => error);
const stepped = step(door, {
  address: "d",
  snapshot: step(door, { address: "d" }).snapshot,
  event: { type: "OPEN" },
});
process.stdout.write(JSON.stringify({
  text: job.output?.text,
  state: actor.state,
  accepts: actor.accepts,
  code: unknown instanceof ProblemError && unknown.code,
  stepped: stepped.snapshot.value,
}));
