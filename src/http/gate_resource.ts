/** Gates and queues as the API gives them, and the command line too: apart from the schemas of the routes. */
import { JOB_STATES } from "../../machines/job.ts";
import type { GateView, QueueView } from "../runtime/limiting.ts";

/** Of a tenant with its backlog, which nothing else has. */
export function toLimits({ kind, limits: { backlog, ...limits } }: GateView) {
  return kind === "tenant" ? { ...limits, backlog } : limits;
}

/** A gate, as the API gives it. */
export function toGate(gate: GateView) {
  const { kind, tenantId, name, flow, since, slotsTaken, refillAt } = gate;
  return { kind, tenantId, name, state: flow, since, limits: toLimits(gate), slotsTaken, refillAt };
}

/** A queue, as the API gives it. */
export function toQueue({ counts, ...queue }: QueueView) {
  const states = Object.fromEntries(JOB_STATES.map((state) => [state, counts[state] ?? 0]));
  return { ...toGate(queue), states };
}
