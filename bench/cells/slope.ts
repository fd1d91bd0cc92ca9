/** Whether an actor's next event costs more the more it has behind it. */
import type { Server } from "../place/postgres.ts";

/** What an event took after so many. */
export interface Age {
  readonly upTo: number;
  /** Milliseconds; beside it, in the same moments, those of a fresh actor. */
  readonly oldMs: number;
  readonly freshMs: number;
}

/** The line through them. */
export interface Slope {
  readonly ages: readonly Age[];
  /** Growth of old over fresh, per 1,000 events, and twice its standard error. */
  readonly per1000: number;
  readonly error: number;
  /** Not told from zero. */
  readonly isFlat: boolean;
}

const ROOT = new URL("../../", import.meta.url).pathname;

/** Lets one take so many events. */
export async function measureSlope(server: Server, steps: number): Promise<Slope> {
  const database = `slope_${crypto.randomUUID().slice(0, 8)}`;
  await server.create(database);
  try {
    const file = `${ROOT}bench/ours/slope.ts`;
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--config", `${ROOT}deno.json`, file, server.urlOf(database), `${steps}`],
      env: { NO_COLOR: "1" },
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr).slice(-2_000));
    const lines = new TextDecoder().decode(stdout).trim().split("\n");
    return slopeOf(lines.map((line): Age => JSON.parse(line)));
  } finally {
    await server.drop(database);
  }
}

/** Least squares over the ages; the error is the slope's standard error, twice. */
export function slopeOf(ages: readonly Age[]): Slope {
  const xs = ages.map(({ upTo }) => upTo / 1_000);
  const ys = ages.map(({ oldMs, freshMs }) => oldMs / freshMs);
  const mean = (list: readonly number[]) => list.reduce((sum, each) => sum + each, 0) / list.length;
  const [mx, my] = [mean(xs), mean(ys)];
  const spread = xs.reduce((sum, x) => sum + (x - mx) ** 2, 0);
  const per1000 = xs.reduce((sum, x, i) => sum + (x - mx) * ((ys[i] ?? 0) - my), 0) / spread;
  const rest = xs.reduce((sum, x, i) => sum + ((ys[i] ?? 0) - my - per1000 * (x - mx)) ** 2, 0);
  const error = 2 * Math.sqrt(rest / (ages.length - 2) / spread);
  return { ages, per1000, error, isFlat: Math.abs(per1000) <= error };
}
