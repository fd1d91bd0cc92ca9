/** Whether there is a worker that would take a job: by what the workers say of themselves. */
import type { Job } from "../core/job.ts";
import type { WorkerRow } from "../store/store.ts";
import { mayRun } from "./pins.ts";

/** A reason that lies with the workers; null: some are free. */
export interface WorkerReason {
  readonly code: "no_worker" | "no_capable_worker" | "workers_busy";
  readonly message: string;
}

/** Why no worker takes a job of this type, queue and partition. */
export function lackOfWorkers(
  { type, queue, partitionKey }: Pick<Job, "type" | "queue" | "partitionKey">,
  workers: readonly WorkerRow[],
): WorkerReason | null {
  const alive = workers.filter(({ isAlive }) => isAlive);
  if (alive.length === 0) {
    const silent = workers.length > 0 ? `; ${workers.length} are silent` : "";
    return { code: "no_worker", message: `No worker is alive${silent}` };
  }
  const knowing = alive.filter(({ types }) => types.includes(type));
  if (knowing.length === 0) {
    const message = `None of the ${alive.length} workers alive has a handler of type "${type}"`;
    return { code: "no_capable_worker", message };
  }
  const serving = knowing.filter((worker) =>
    (worker.queues?.includes(queue) ?? true) &&
    (worker.partitionKey === null || worker.partitionKey === partitionKey)
  );
  if (serving.length === 0) {
    const part = partitionKey === null ? "" : `, partition "${partitionKey}"`;
    const message = `None of the ${knowing.length} workers that know type "${type}" serves ` +
      `queue "${queue}"${part}`;
    return { code: "no_capable_worker", message };
  }
  const able = serving.filter(({ charts }) => mayRun(charts, { type, partitionKey }));
  if (able.length === 0) {
    const message =
      `None of the ${serving.length} workers that know type "${type}" has the chart ` +
      `that asked for it, "${partitionKey}"`;
    return { code: "no_capable_worker", message };
  }
  if (able.some(({ running, concurrency }) => running < concurrency)) return null;
  const message = `All ${able.length} workers that may take it are full`;
  return { code: "workers_busy", message };
}
