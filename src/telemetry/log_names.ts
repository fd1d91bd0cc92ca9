/** Log lines of handlers say which job they are about, whoever writes them. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { ContextLocalStorage } from "@logtape/logtape";
import type { HandlerJob } from "../runtime/context.ts";
import type { Handlers } from "../runtime/handlers.ts";

type Names = Record<string, unknown>;

/** A job at work. Its names are made when a line is written: most jobs write none. */
class Work {
  constructor(readonly job: HandlerJob) {}
}

const storage = new AsyncLocalStorage<Work | Names>();

/** For the configuration of the log. */
export const logContext: ContextLocalStorage<Names> = {
  run: (names, work) => storage.run(names, work),
  getStore: () => {
    const held = storage.getStore();
    return held instanceof Work ? logNames(held.job) : held;
  },
};

/** What every line of a handler says beside its own words: no payload. */
export function logNames({ id, tenantId, type, attempt }: HandlerJob) {
  return { jobId: id, tenantId, type, attempt };
}

/** Runs what is done for a job: every line within it has its names. */
export function withJob<T>(job: HandlerJob, run: () => T): T {
  return storage.run(new Work(job), run);
}

/** The same handlers, where nobody traces: what is traced has these names, too. */
export function named(handlers: Handlers): Handlers {
  return new Map(
    [...handlers].map(([type, handler]) => [type, {
      ...handler,
      run: (payload, given) => withJob(given.job, () => handler.run(payload, given)),
    }]),
  );
}
