/**
 * `perdura/handler`: what a module of handlers is made of, and nothing else of the library. Who loads one to
 * know its types, such as a command that stores a job, loads neither API nor store nor worker with it.
 */
export * from "../core/errors.ts";
export { systemClock } from "../core/clock.ts";
export type { Clock, Random } from "../core/clock.ts";
export type { Backoff } from "../core/backoff.ts";
export type { DeclaredBreaker } from "../core/breaker.ts";
export type { JobError } from "../core/failure.ts";
export type { Answered, GivesJson, Json, Kept } from "../core/json.ts";
export { giveUp, retryAfter, snooze } from "../core/outcome.ts";
export type { GiveUp, RetryAfter, Snooze } from "../core/outcome.ts";
export { sensitive } from "../core/redaction.ts";
export { REPLAY_WINDOW_MS, SIGNATURE_HEADER, signBody, verifyBody } from "../core/signature.ts";
export type { Refusal, Verification } from "../core/signature.ts";
export type { HandlerContext, HandlerJob } from "../runtime/context.ts";
export type { OpenFile } from "../runtime/files.ts";
export type { BatchHandle, BatchItem, BatchSize } from "../runtime/gathering.ts";
export { defineHandler, indexHandlers } from "../runtime/handlers.ts";
export type {
  BatchHandlerDefinition,
  Handler,
  HandlerDefinition,
  HandlerLimits,
  HandlerResult,
  Handlers,
  RetryAdvice,
  RetryPolicy,
  SingleHandle,
} from "../runtime/handlers.ts";
export type { Lock, LockOptions } from "../runtime/locks.ts";
export type { StoredFile } from "../store/file_records.ts";
export type { LogLevel } from "../store/log_records.ts";
export type { SqlValue, TransactionSql } from "../store/store.ts";
