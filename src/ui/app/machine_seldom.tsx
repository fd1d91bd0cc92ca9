/** What is seldom looked at of a machine: two versions side by side, and the breakers. */
import { BreakerFleet } from "./breaker_fleet.tsx";
import type { MachineChart } from "./chart.tsx";
import { VersionsPage } from "./versions.tsx";

/** @param against A version to compare with; null: the fleet of breakers. */
export function SeldomMachine(
  { chart, against }: { readonly chart: MachineChart; readonly against: string | null },
) {
  return against
    ? <VersionsPage chart={chart} against={against} />
    : <BreakerFleet chart={chart} />;
}
