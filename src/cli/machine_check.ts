/** `machines check`: whether the machines of this program would strand an actor of the database. */
import { InvalidInputError } from "../core/errors.ts";
import { checkMachines } from "../runtime/machine_check.ts";
import { machinesOf } from "./actors.ts";
import { type OutputOptions, print, printJson } from "./output.ts";
import { withStore } from "./service.ts";
import type { Settings } from "./settings.ts";

/** @throws {InvalidInputError} If any actor would be stranded, after having said so. */
export async function checkAgainstActors(
  settings: Settings,
  options: OutputOptions,
): Promise<void> {
  const debug = settings.PERDURA_DEBUG ?? false;
  await withStore(settings, { name: "perdura check", debug }, async (store) => {
    const { checked, stranded } = await checkMachines(store.actors, machinesOf(debug));
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
