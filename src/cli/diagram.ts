/** `diagram`: a statechart as SVG on standard output. */
import { jobMachine } from "../../machines/job.ts";
import { NotFoundError } from "../core/errors.ts";
import { chartSvg } from "../ui/charts.ts";
import { print } from "./output.ts";

/** Prints the chart of a machine. @throws {NotFoundError} */
export async function diagram(machine: string): Promise<void> {
  if (machine !== "job") throw new NotFoundError("machine", machine);
  await print(await chartSvg(jobMachine));
}
