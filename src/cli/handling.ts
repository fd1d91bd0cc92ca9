/** The registered handlers, and the client side of the runtime, which knows them. */
import { resolve } from "node:path";
import { allHandlers } from "../../handlers/mod.ts";
import type { Backoff } from "../core/backoff.ts";
import { systemClock } from "../core/clock.ts";
import { type Handler, indexHandlers } from "../runtime/handlers.ts";
import { Jobs, type JobsHost } from "../runtime/jobs.ts";
import type { Store } from "../store/store.ts";
import type { Tracing } from "../telemetry/tracing.ts";
import { SettingsError } from "./errors.ts";
import type { Settings } from "./settings.ts";
import { tracingOfProcess } from "./telemetry.ts";

/** Default growth of retries. */
export function backoffOf(settings: Settings): Backoff {
  return {
    baseMs: settings.RETRY_BASE_MS,
    factor: settings.RETRY_FACTOR,
    capMs: settings.RETRY_CAP_MS,
  };
}

/** The registered handlers, those of the user's own in place of samples of their type, and more. */
export function handlersOf(settings: Settings, debug: boolean, more: readonly Handler[] = []) {
  const handlers = allHandlers({
    debug,
    email: {
      smtpUrl: settings.SMTP_URL,
      from: settings.EMAIL_FROM,
      outboxDir: resolve(settings.PERDURA_STATE_DIR, "outbox"),
    },
    report: { reportsDir: resolve(settings.PERDURA_STATE_DIR, "reports") },
    http: { allowedHosts: settings.PERDURA_HTTP_ALLOW ?? [] },
  });
  const own = settings.own?.handlers ?? [];
  const types = new Set(own.map(({ type }) => type));
  const taken = more.find(({ type }) => types.has(type));
  if (taken) throw new SettingsError(`PERDURA_MODULES: the type "${taken.type}" is an actor's own`);
  return indexHandlers([...handlers.filter(({ type }) => !types.has(type)), ...own, ...more]);
}

function traceOf(tracing: Tracing | null): JobsHost["trace"] {
  return tracing ? (row, isAlone) => tracing.enqueued(row, isAlone) : undefined;
}

/** The client side of the runtime. */
export function jobsOf(settings: Settings, store: Store, debug: boolean): Jobs {
  return new Jobs({
    store,
    handlers: handlersOf(settings, debug),
    clock: systemClock,
    trace: traceOf(tracingOfProcess()),
    defaults: {
      maxAttempts: settings.JOB_MAX_ATTEMPTS,
      maxCrashes: settings.JOB_MAX_CRASHES,
      backoff: backoffOf(settings),
      tenantRate: settings.TENANT_RATE_PER_MINUTE,
    },
  });
}
