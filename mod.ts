/**
 * Perdura as a library: declare handlers, store jobs, run workers.
 *
 * A job is a persisted XState machine in Postgres; its lifecycle is `jobMachine`.
 */
export { jobMachine } from "./machines/job.ts";
export type { JobContext, JobEvent, JobEventType, JobState, When } from "./machines/job.ts";
export { breakerMachine } from "./machines/breaker.ts";
export type {
  BreakerContext,
  BreakerEvent,
  BreakerSettings,
  BreakerState,
} from "./machines/breaker.ts";
export { workerMachine } from "./machines/worker.ts";
export * from "./src/library/handler.ts";
export { activityContext } from "./src/runtime/activities.ts";
export { forEach, pageOf } from "./src/runtime/for_each.ts";
export type { ForEachOptions, ForEachPolicy, Page, PageRequest } from "./src/runtime/for_each.ts";
export type {
  Cursor as ForEachCursor,
  ForEachEvent,
  ForEachOutput,
  MemberFailure,
} from "./machines/for_each.ts";
export type { FailedMember } from "./src/store/member_records.ts";
export type { MemberJob } from "./src/runtime/members.ts";
export { Actors } from "./src/runtime/actors.ts";
export type {
  ActorAim,
  EventResult,
  SendEventOptions,
  StartOptions,
  Until,
  WaitForOptions,
} from "./src/runtime/actors.ts";
export type { Actor, ActorPage, ActorTransition } from "./src/runtime/actor_view.ts";
export type { Emitted } from "./src/runtime/actor_emits.ts";
export type { Foreseen as ForeseenTurn } from "./src/runtime/actor_sending.ts";
export type { ActorFilter, ActorLine, ActorStatus } from "./src/store/actor_records.ts";
export type { Reason } from "./src/runtime/explain.ts";
export type { BranchOptions } from "./src/runtime/branching.ts";
export type { UniqueOutcome } from "./src/core/unique.ts";
export type {
  RunOutcome,
  Schedule,
  ScheduleDefinition,
  ScheduleInput,
  ScheduleRun,
} from "./src/core/schedule.ts";
export { Batches } from "./src/runtime/batches.ts";
export type { Batch, NewBatch } from "./src/core/batch.ts";
export { Schedules } from "./src/runtime/schedules.ts";
export type { Preview, ScheduleAim, ScheduleView } from "./src/runtime/schedules.ts";
export type { ScheduleFilter, ScheduleRow } from "./src/store/schedule_records.ts";
export type { MachineEntry } from "./src/runtime/machines.ts";
export {
  acceptedEvents,
  acceptedTypes,
  ActorBlockedError,
  ActorStalledError,
  adopt,
  compatibilityOf,
  decode,
  defineMachine,
  describeMachine,
  doneMail,
  encode,
  errorMail,
  foresee,
  lintMachine,
  MachineDefinitionError,
  migrateSnapshot,
  step,
  StepError,
} from "./src/core/actor/mod.ts";
export type * from "./src/core/actor/mod.ts";
export type { Job, JobInsert, JobPatch, NewJobInput, Transition } from "./src/core/job.ts";
export { createRuntime, Runtime } from "./src/library/runtime.ts";
export type {
  CallerTransaction,
  Enqueued,
  EnqueueOptions,
  OutputOf,
  PayloadOf,
  WaitOptions,
} from "./src/library/runtime.ts";
export { LimitDesk } from "./src/library/limits.ts";
export type { LimitAim, NewLimits } from "./src/library/limits.ts";
export type { GateKind, GateName, Limits } from "./src/core/gate.ts";
export type { Flow, GateView } from "./src/runtime/limiting.ts";
export { JobNotDoneError } from "./src/library/outcome.ts";
export type { RuntimeParts } from "./src/library/runtime.ts";
export type { RuntimeOptions, RuntimeTracing } from "./src/library/opening.ts";
export type { RuntimeSettings } from "./src/library/settings.ts";
export { Client, createClient, ProblemError } from "./src/client/client.ts";
export type {
  ClientActors,
  ClientOptions,
  JobMessage,
  JobOptions,
  JobResource,
  Program,
} from "./src/client/client.ts";
export type {
  JobIn,
  MachineIn,
  MachineNamed,
  MachineNameIn,
  OutputIn,
  PayloadIn,
  TypeIn,
} from "./src/client/program.ts";
export type {
  ActorCalls,
  ActorControls,
  ActorOf,
  AimOptions,
  AnyEvent,
  EmitsOptions,
  EmittedOf,
  EventOf,
  EventResultOf,
  ForkOptions,
  HistoryOptions,
  InputOf,
  OfTenant,
  RuntimeActors,
  SendOptions,
  StartArguments,
  StartedOf,
  Stored,
  TypedActors,
  TypedStart,
} from "./src/library/typed_actors.ts";
export { createApp } from "./src/http/app.ts";
export { createEdge } from "./src/edge/edge.ts";
export type { Edge, EdgeContext, EdgeEnvironment, EdgeProgram } from "./src/edge/edge.ts";
export { drive } from "./src/runtime/drive.ts";
export type { DriveHost, Driven, DriveOptions } from "./src/runtime/drive.ts";
export { Jobs } from "./src/runtime/jobs.ts";
export type { SendOptions as JobSendOptions } from "./src/runtime/jobs.ts";
export type { Aim as JobAim } from "./src/runtime/deciding.ts";
export type { Created, Foreseen as ForeseenStep, Sent } from "./src/runtime/job_answers.ts";
export type { Added } from "./src/runtime/uniques.ts";
export type { Page as JobPage } from "./src/runtime/paging.ts";
export type { Ending, Interruption } from "./src/runtime/endings.ts";
export type { OutsideClaim, OutsideRenewal } from "./src/runtime/outside.ts";
export type { CountDefaults } from "./src/runtime/preparing.ts";
export { Worker } from "./src/runtime/worker.ts";
export type { WorkerOptions } from "./src/runtime/worker.ts";
export type {
  DeclaredLimits,
  Inserted,
  JobChoice,
  JobFilter,
  SendStatement,
  StateCount,
} from "./src/store/records.ts";
export type { Store } from "./src/store/store.ts";
export { openStore } from "./src/store/open.ts";
export type { DatabaseOptions } from "./src/store/database.ts";
export { migrate } from "./src/store/migrate.ts";
export type {
  MigrateOptions,
  Migration as SchemaMigration,
  MigrationReport,
} from "./src/store/migrate.ts";
