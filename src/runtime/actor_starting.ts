/** The birth of an actor: its first step, in the statement that stores it. */
import { type ActorSnapshot, rootAddress } from "../core/actor/mod.ts";
import { IdempotencyConflictError, UnknownMachineError } from "../core/errors.ts";
import { newId } from "../core/id.ts";
import { DEFAULT_TENANT } from "../core/job.ts";
import { canonical } from "../core/json.ts";
import { checkEvent, checkId, checkJson, starting } from "./actor_checks.ts";
import type { Desk } from "./actor_desk.ts";
import type { StartOptions } from "./actor_options.ts";
import { offer } from "./actor_sending.ts";
import { type Actor, actorOf } from "./actor_view.ts";
import { bornRow } from "./born.ts";
import type { Seat } from "./ledger.ts";

/** See `Actors.start`. */
export async function startActor(
  desk: Desk,
  options: StartOptions,
): Promise<{ actor: Actor; created: boolean }> {
  const { machine, id = newId(), input, event } = options;
  const { machines } = desk.host;
  const { seat, turning } = beginning(desk, { ...options, id });
  if (event !== undefined) {
    checkEvent(event);
    starting("event", () => offer(desk, turning, event, newId(), null));
  }
  const { turn, isDone: created, at } = await desk.turner.commitOf(turning);
  const born = at && bornRow(seat, turn, at);
  if (born) return { actor: actorOf(born, machines), created };
  const row = await desk.row(seat);
  const isSame = row.machine === machine && canonical(row.input) === canonical(input ?? null);
  if (!created && !isSame) {
    const message = `Actor "${id}" is there already, of another machine or input`;
    throw new IdempotencyConflictError(id, id, message);
  }
  return { actor: actorOf(row, machines), created };
}

/** The first step of an actor, which is not stored. @throws what `Actors.start` does. */
export function beginning(
  desk: Desk,
  { machine, id = newId(), input, tenantId = DEFAULT_TENANT }: StartOptions,
) {
  const { machines } = desk.host;
  const definition = machines.latest(machine)?.definition;
  if (!definition) throw new UnknownMachineError(machine, "machine", machines.names);
  checkId(id);
  checkJson("input", input ?? null);
  const seat = seatOf(tenantId, rootAddress(id), definition.identity);
  const turning = desk.turning(seat, { input: input ?? null, origin: null });
  starting("input", () => turning.begin(input, "client"));
  return { seat, turning };
}

/** Where a root begins. */
export function seatOf(
  tenantId: string,
  id: string,
  { name, version, hash }: ActorSnapshot["machine"],
): Seat {
  return {
    tenantId,
    id,
    uid: newId(),
    rootId: id,
    parentId: null,
    machine: name,
    rootMachine: name,
    machineVersion: version,
    machineHash: hash,
    status: "active",
    version: 0,
    state: "",
    snapshot: null,
    isNewDay: false,
    registry: {},
  };
}
