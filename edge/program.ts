/** What runs at the edge here: put your handlers and statecharts in the place of these. */
import { z } from "zod";
import { approvalMachine } from "../machines/approval.ts";
import { createEdge, defineHandler, defineMachine } from "../mod.ts";

const greet = defineHandler({
  type: "edge.greet",
  input: z.strictObject({ name: z.string().min(1).max(100) }),
  handle: ({ name }) => ({ greeting: `Good morning, ${name}` }),
});

/** Longer than a slice: it is handed back, its attempt refunded. */
const rest = defineHandler({
  type: "edge.rest",
  input: z.strictObject({ ms: z.int().min(0).max(600_000) }),
  handle: ({ ms }, { signal }) =>
    new Promise<string>((done, fail) => {
      const timer = setTimeout(() => done("rested"), ms);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        fail(signal.reason);
      });
    }),
});

/** `fetch` and `scheduled`, for any of the platforms. */
export const edge = createEdge({
  handlers: [greet, rest],
  machines: [defineMachine(approvalMachine, { version: "1", unhandled: "reject" })],
});
