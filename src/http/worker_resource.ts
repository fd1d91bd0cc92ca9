/** A worker as the API gives it, and the command line too: apart from the schemas of the routes. */
import type { WorkerRow } from "../store/store.ts";

/** A worker, as the API gives it. */
export function toWorker({ isAlive, beatAt: heartbeatAt, charts: _, ...row }: WorkerRow) {
  return { ...row, heartbeatAt, state: isAlive ? "alive" : "silent" };
}
