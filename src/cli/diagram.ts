/** `diagram`: a statechart as SVG on standard output. */
import { NotFoundError } from "../core/errors.ts";
import { chartSvg } from "../ui/charts.ts";
import { MachineBook } from "../ui/machine_book.ts";
import { machinesOf } from "./actors.ts";
import { print } from "./output.ts";
import type { Settings } from "./settings.ts";

/** Prints the chart of a machine. @throws {NotFoundError} */
export async function diagram(settings: Settings, name: string): Promise<void> {
  const found = new MachineBook(machinesOf(false, settings.own)).find(name, null);
  if (!found) throw new NotFoundError("machine", name);
  await print(await chartSvg(found.machine));
}
