/** A handler that a test holds up. */
import { z } from "zod";
import { defineHandler } from "../../src/runtime/handlers.ts";

/** A handler that runs until it is let go, and how many there are of it. */
export function held() {
  let running = 0;
  let most = 0;
  let release = Promise.withResolvers<void>();
  const handler = defineHandler({
    type: "held",
    input: z.unknown(),
    handle: async () => {
      most = Math.max(most, ++running);
      await release.promise;
      running--;
    },
  });
  const letGo = () => {
    release.resolve();
    release = Promise.withResolvers<void>();
  };
  return { handler, letGo, running: () => running, most: () => most };
}
