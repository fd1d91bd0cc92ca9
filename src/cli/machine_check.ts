/** `machines check`: whether the machines of this program would strand an actor of the database. */
import type { MachineDefinition } from "../core/actor/mod.ts";
import { InvalidInputError } from "../core/errors.ts";
import { checkMachines } from "../runtime/machine_check.ts";
import { type MachineEntry, Machines } from "../runtime/machines.ts";
import { machinesOf } from "./actors.ts";
import { exportsOf, isEntry } from "./machines.ts";
import { type OutputOptions, print, printJson } from "./output.ts";
import { Progress } from "./progress.ts";
import { withStore } from "./service.ts";
import type { Settings } from "./settings.ts";

/**
 * @param files Modules that export definitions, or entries of them with migrations, alone or in lists: what
 *   is to be deployed, in the order of registering. None: the machines of this program.
 * @throws {InvalidInputError} If any actor would be stranded, after having said so; or a module exports none.
 */
export async function checkAgainstActors(
  settings: Settings,
  files: readonly string[],
  options: OutputOptions,
): Promise<void> {
  const debug = settings.PERDURA_DEBUG ?? false;
  const machines = files.length > 0 ? await machinesFrom(files) : machinesOf(debug, settings.own);
  await withStore(settings, { name: "perdura check", debug }, async (store) => {
    const progress = new Progress("actors checked");
    const { checked, stranded } = await checkMachines(
      store.actors,
      machines,
      (checked) => progress.show(checked, null),
    );
    progress.end();
    if (options.json) await printJson({ checked, stranded });
    for (const { machine, version, state, path, message, actors, example } of stranded) {
      if (options.json) break;
      const where = `${machine} ${version} in ${state || "(no state)"}`;
      await print(`${where}: ${path}: ${message} (${actors}, such as ${example})`);
    }
    if (!options.json) await print(`${checked} actors checked`);
    if (stranded.length === 0) return;
    const message = "Actors would be stranded: give migrations, or register their version too";
    throw new InvalidInputError([{ path: "machines", message }]);
  });
}

async function machinesFrom(files: readonly string[]): Promise<Machines> {
  const entries: (MachineDefinition | MachineEntry)[] = [];
  for (const file of files) {
    const found = (await exportsOf(file)).flat().filter(isEntry);
    if (found.length === 0) {
      const message = `${file} exports no machine that defineMachine has made`;
      throw new InvalidInputError([{ path: "files", message }]);
    }
    entries.push(...found);
  }
  return new Machines(entries);
}
