/** Where a process spends its own CPU: V8's sampling profiler. */
import { Session } from "node:inspector/promises";

/** Own time of one function, milliseconds. */
export interface FunctionCost {
  readonly name: string;
  /** File and line; `(native)` inside V8 and the runtime. */
  readonly place: string;
  readonly ms: number;
}

const SAMPLE_US = 250;
const PLACE_PARTS = 3;

/** Begins to sample; the result ends it and gives the functions, dearest first. */
export async function sampleFunctions(): Promise<
  () => Promise<FunctionCost[]>
> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: SAMPLE_US });
  await session.post("Profiler.start");
  return async () => {
    const { profile } = await session.post("Profiler.stop");
    session.disconnect();
    const own = new Map<number, number>();
    profile.samples?.forEach((id: number, n: number) => {
      own.set(id, (own.get(id) ?? 0) + (profile.timeDeltas?.[n] ?? 0) / 1000);
    });
    const costs = new Map<
      string,
      { name: string; place: string; ms: number }
    >();
    for (const { id, callFrame } of profile.nodes) {
      const { functionName, url, lineNumber } = callFrame;
      const file = url.split("/").slice(-PLACE_PARTS).join("/");
      const place = file === "" ? "(native)" : `${file}:${lineNumber + 1}`;
      const key = `${functionName} ${place}`;
      const cost = costs.get(key) ??
        { name: functionName || "(anonymous)", place, ms: 0 };
      cost.ms += own.get(id) ?? 0;
      costs.set(key, cost);
    }
    return [...costs.values()].sort((a, b) => b.ms - a.ms);
  };
}
