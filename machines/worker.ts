/**
 * The life of a worker process: whether it can reach its database, and how it stops.
 *
 * The worker runs this machine in memory; readiness, metrics and log lines read its state.
 */
import { setup } from "xstate";

/** What a worker tells its machine. */
export type WorkerEvent =
  | { readonly type: "DATABASE_OK" }
  | { readonly type: "DATABASE_FAILED" }
  | { readonly type: "STOP" }
  | { readonly type: "STOPPED" };

/** The life of a worker as an XState v5 machine. */
export const workerMachine = setup({
  types: { events: {} as WorkerEvent },
}).createMachine({
  id: "worker",
  description: "Whether a worker reaches its database, and how it stops.",
  initial: "connecting",
  states: {
    connecting: {
      description: "Has not reached the database yet.",
      on: { DATABASE_OK: "connected", DATABASE_FAILED: "reconnecting", STOP: "draining" },
    },
    connected: {
      description: "Claims jobs.",
      on: { DATABASE_FAILED: "degraded", STOP: "draining" },
    },
    degraded: {
      description: "One call failed; the next decides.",
      on: { DATABASE_OK: "connected", DATABASE_FAILED: "reconnecting", STOP: "draining" },
    },
    reconnecting: {
      description: "The database is away; tries again with growing, jittered pauses.",
      on: { DATABASE_OK: "connected", STOP: "draining" },
    },
    draining: {
      description: "Claims nothing more; finishes or hands back what it holds.",
      on: { STOPPED: "stopped" },
    },
    stopped: { type: "final", description: "Holds nothing." },
  },
});
