/**
 * CPU time from /proc: what a job costs says more on a shared machine than how long it takes.
 *
 * Elsewhere than on Linux everything reads 0.
 */

const TICKS_PER_SECOND = 100;

/** CPU seconds of a process; `withDead`: and of its children that have ended. */
function cpuOf(pid: number, withDead: boolean): number {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
  const at = (index: number) => fields[index] ?? 0;
  return (at(11) + at(12) + (withDead ? at(13) + at(14) : 0)) /
    TICKS_PER_SECOND;
}

/** CPU seconds of a process and all its children, the dead ones included. */
function cpuOfFamily(pid: number): number {
  const children = read(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean);
  return children.reduce((sum, child) => sum + cpuOf(Number(child), false), cpuOf(pid, true));
}

/** CPU seconds that the whole machine has spent. */
function cpuOfMachine(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = read("/proc/stat")
    .split("\n", 1)[0]?.split(/\s+/).slice(1).map(Number) ?? [];
  return (user + nice + system + irq + softirq) / TICKS_PER_SECOND;
}

/** What was spent in an interval, seconds. */
export interface Spent {
  readonly seconds: number;
  readonly database: number;
  readonly workers: number;
  /** By everybody else on the machine, as cores. */
  readonly otherCores: number;
}

/** Begins an interval; the result ends it. */
export function meter(database: number, workers: readonly number[]): () => Spent {
  const snapshot = () => ({
    at: performance.now(),
    machine: cpuOfMachine(),
    database: cpuOfFamily(database),
    workers: workers.reduce((sum, pid) => sum + cpuOf(pid, false), 0),
  });
  const begun = snapshot();
  return () => {
    const ended = snapshot();
    const seconds = (ended.at - begun.at) / 1000;
    const spent = ended.database - begun.database;
    const byWorkers = ended.workers - begun.workers;
    const others = ended.machine - begun.machine - spent - byWorkers;
    return {
      seconds,
      database: spent,
      workers: byWorkers,
      otherCores: Math.max(0, others / seconds),
    };
  };
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
