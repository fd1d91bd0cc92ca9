/** The machines of Perdura's own: every worker steps their actors, and no client may. */
import { batchMachine } from "../../machines/batch.ts";
import { operationMachine } from "../../machines/operation.ts";
import { defineMachine, type MachineDefinition } from "../core/actor/mod.ts";
import type { SendStatement, Turn } from "../store/store.ts";
import { startFollower } from "./followers.ts";
import { type ApplyHost, applyPart } from "./operation_parts.ts";

const OWN = "perdura.";

/** Told once the transaction has been committed. */
export type After = () => void;

/** An action of a machine of Perdura's own, in the transaction of its turn. */
export type OwnAction = (
  host: ApplyHost,
  send: SendStatement,
  turn: Turn,
  params: unknown,
) => Promise<After>;

/** Whether a machine is one of Perdura's own. */
export function isOwn(machine: string): boolean {
  return machine.startsWith(OWN);
}

/** The machine of operations. */
export const operations: MachineDefinition = defineMachine(operationMachine, {
  version: "1",
  unhandled: "reject",
  actions: { applyPart: "transactional" },
});

/** The machine of batches. */
export const batches: MachineDefinition = defineMachine(batchMachine, {
  version: "1",
  unhandled: "reject",
  actions: { startFollower: "transactional" },
});

/** All of them. */
export const ownMachines: readonly MachineDefinition[] = [operations, batches];

/** Their actions, by type. */
export const ownActions: Readonly<Record<string, OwnAction>> = { applyPart, startFollower };
