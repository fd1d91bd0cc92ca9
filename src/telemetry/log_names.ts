/** Log lines of handlers say which job they are about, whoever writes them. */
import { withContext } from "@logtape/logtape";
import type { HandlerJob } from "../runtime/context.ts";
import type { Handlers } from "../runtime/handlers.ts";

/** What every line of a handler says beside its own words: no payload. */
export function logNames({ id, tenantId, type, attempt }: HandlerJob) {
  return { jobId: id, tenantId, type, attempt };
}

/** The same handlers, where nobody traces: what is traced has these names, too. */
export function named(handlers: Handlers): Handlers {
  return new Map(
    [...handlers].map(([type, handler]) => [type, {
      ...handler,
      run: (payload, given) => withContext(logNames(given.job), () => handler.run(payload, given)),
    }]),
  );
}
