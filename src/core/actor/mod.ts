/**
 * The statechart engine: any XState 5 machine as pure, durable steps.
 *
 * Alone it needs neither a database nor a clock; see `docs/xstate.md`.
 */
export { addressesOf, childAddress, idOf, nameOf, rootAddress } from "./address.ts";
export { CodecError, decode, encode } from "./codec.ts";
export type { RefFrom, RefJson, RefOf } from "./codec.ts";
export type { Outcome, StepInput, StepResult } from "./contract.ts";
export { defineMachine, MachineDefinitionError } from "./define.ts";
export type {
  ActionArguments,
  ActionMode,
  ActionOptions,
  ActivityOptions,
  ChildOptions,
  MachineDefinition,
  MachineOptions,
  UnhandledPolicy,
} from "./define.ts";
export { adopt, compatibilityOf, isHandledAnywhere } from "./compat.ts";
export type { Incompatibility } from "./compat.ts";
export { migrate as migrateSnapshot } from "./migrate.ts";
export type { Migrated, Migration, MigrationDraft } from "./migrate.ts";
export { diff, patch } from "./patch.ts";
export type { PatchStep } from "./patch.ts";
export { checkMachine } from "./check.ts";
export type { Problem } from "./check.ts";
export { isMachine } from "./sources.ts";
export type { LogicKind } from "./sources.ts";
export type { Steppable } from "./definition.ts";
export type * from "./effects.ts";
export type { IdleReason, Microstep, Taken } from "./engine.ts";
export type {
  ActorSnapshot,
  Birth,
  ChildEntry,
  MachineIdentity,
  StateValueJson,
  TimerEntry,
  Undo,
} from "./envelope.ts";
export { ActorBlockedError, ActorStalledError, StepError } from "./errors.ts";
export type { BlockCode, StallCode } from "./errors.ts";
export { describeMachine } from "./describe.ts";
export type { MachineDescription, StateDescription } from "./describe.ts";
export { lintMachine } from "./lint.ts";
export type { Finding } from "./lint.ts";
export { acceptedEvents, acceptedTypes, foresee } from "./view.ts";
export type { AcceptedEvent, Candidate, Foresight } from "./view.ts";
export { doneMail, errorMail } from "./mail.ts";
export type { ChildName, Mail } from "./mail.ts";
export { demandOwn, step, stop } from "./step.ts";
export { structuralHash, structureOf } from "./structure.ts";
export type { StateStructure, TransitionStructure } from "./structure.ts";
