/** Actors that SQL asks for (`perdura.start_actor`): of a letter, and of the dead letter that it has become. */
import { z } from "zod";
import { InvalidInputError, PerduraError, UnavailableError } from "../core/errors.ts";
import { START_ACTOR } from "../core/inbox.ts";
import { issuesOf } from "../core/job.ts";
import { Desk } from "./actor_desk.ts";
import { startActor } from "./actor_starting.ts";
import type { Actor } from "./actor_view.ts";
import { defineHandler, type Handler } from "./handlers.ts";
import type { Turner } from "./turner.ts";

const ofOptions = () => "The options are `id` and `tenantId`";

const askedSchema = z.strictObject({
  machine: z.string(),
  id: z.string(),
  input: z.unknown(),
  /** Those that the SQL function does not know. */
  options: z.strictObject({}, { error: ofOptions }).optional(),
});

/** Starts what is asked for. @throws what `Actors.start` does. */
export async function startAsked(turner: Turner, tenantId: string, asked: unknown): Promise<Actor> {
  const read = askedSchema.safeParse(asked);
  if (!read.success) throw new InvalidInputError(issuesOf(read.error, (path) => path));
  const { machine, id, input } = read.data;
  const given = input === null || input === undefined ? {} : { input };
  const desk = new Desk(turner.host, turner);
  return (await startActor(desk, { machine, id, tenantId, ...given })).actor;
}

/**
 * What runs the dead letter of a start that has been requeued: as the start would have been, and a dead
 * letter again when it is refused again. Without machines there is nobody to start.
 */
export function startHandlers(turner: Turner): Handler[] {
  if (turner.machines.names.length === 0) return [];
  return [defineHandler({
    type: START_ACTOR,
    input: z.unknown(),
    retry: { on: (error) => isRefusal(error) ? "give_up" : "retry" },
    handle: async (asked, { job }) => ({ id: (await startAsked(turner, job.tenantId, asked)).id }),
  })];
}

function isRefusal(error: unknown): boolean {
  return error instanceof PerduraError && !(error instanceof UnavailableError);
}
