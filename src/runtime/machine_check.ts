/** Before a deploy: would these machines strand an actor that is there? */
import { compatibilityOf, isHandledAnywhere, StepError } from "../core/actor/mod.ts";
import type { ActorName, ActorStore, ActorView } from "../store/store.ts";
import { typeOf } from "./letters.ts";
import { isTaker, type Logic, type Machines } from "./machines.ts";
import { upgraded } from "./upgrading.ts";

/** One reason, and how many actors it strands. */
export interface Stranded {
  readonly machine: string;
  readonly version: string;
  readonly state: string;
  readonly path: string;
  readonly message: string;
  readonly actors: number;
  /** One of them. */
  readonly example: string;
}

/** What a look at all actors has found. */
export interface MachineReport {
  readonly checked: number;
  readonly stranded: readonly Stranded[];
}

const PAGE = 500;

/**
 * Compares the machines with every actor that has not ended: its states, history, timers, children,
 * context, and the events that it has put off. One whose version is here stays with it; for the others somebody must take over.
 */
export async function checkMachines(
  actors: Pick<ActorStore, "living">,
  machines: Machines,
  onProgress: (checked: number) => void = () => {},
): Promise<MachineReport> {
  const found = new Map<string, Stranded>();
  let checked = 0;
  for (let after: ActorName | null = null;;) {
    const page: ActorView[] = await actors.living(after, PAGE);
    for (const actor of page) {
      checked++;
      for (const { path, message } of problemsOf(machines, actor)) {
        note(found, actor, path, message);
      }
    }
    onProgress(checked);
    if (page.length < PAGE) return { checked, stranded: [...found.values()] };
    after = page.at(-1) ?? null;
  }
}

function note(found: Map<string, Stranded>, actor: ActorView, path: string, message: string): void {
  const { machine, machineVersion: version, state, id: example } = actor;
  const key = JSON.stringify([machine, version, state, path, message]);
  const actors = (found.get(key)?.actors ?? 0) + 1;
  found.set(key, { example, ...found.get(key), machine, version, state, path, message, actors });
}

function problemsOf(
  machines: Machines,
  actor: ActorView,
): { readonly path: string; readonly message: string }[] {
  // Its start is still to come: any version can start it.
  if (actor.snapshot === null) return [];
  const logic = machines.logicOf(actor);
  try {
    if (logic) {
      const { hash } = logic.definition ?? { hash: actor.machineHash };
      if (hash === actor.machineHash) return [];
      const path = "machine.hash";
      const message = "The chart is another under the same version: raise the version";
      const issues = compatibilityOf(logic.subject, actor.snapshot);
      return [{ path, message }, ...issues, ...putOff(logic, actor, [])];
    }
    const next = upgraded(machines, actor);
    if (next) return putOff(next.logic, actor, next.forget);
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    return [{ path: error.path, message: error.reason }];
  }
  const target = machines.latest(actor.rootMachine);
  const why = target && !isTaker(target) ? ", and the newer one takes nobody over" : "";
  return [{ path: "machine.version", message: `This version is not registered${why}` }];
}

/** Events that wait for a state which the chart no longer has. */
function putOff(
  { subject }: Logic,
  { mail }: ActorView,
  forget: readonly string[],
): { readonly path: string; readonly message: string }[] {
  const types = new Set(mail.map(({ body }) => typeOf(Object(body).event)));
  return [...types]
    .filter((type) => !forget.includes(type) && !isHandledAnywhere(subject, type))
    .map((type) => ({
      path: `deferred.${type}`,
      message: `It has put "${type}" off, and no state handles it: give a migration with ` +
        `\`forget: ["${type}"]\``,
    }));
}
