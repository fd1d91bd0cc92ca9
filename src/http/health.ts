/** Health: whether this process lives, and whether it can do its work. */
import { Hono } from "hono";
import { onlyGet } from "./methods.ts";

/** One named check: resolves true when all is well, false or rejects otherwise. */
export type HealthChecks = Readonly<Record<string, () => boolean | Promise<boolean>>>;

const CHECK_MS_MAX = 2_000;

/** `/health`, `/health/live`, `/health/ready`. */
export function healthRoutes(checks: HealthChecks): Hono {
  const report = async () => {
    const entries = await Promise.all(
      Object.entries(checks).map(async ([name, check]) => [name, await outcomeOf(check)] as const),
    );
    const isOk = entries.every(([, outcome]) => outcome === "ok");
    const body = { status: isOk ? "ok" : "unavailable", checks: Object.fromEntries(entries) };
    return { body, status: isOk ? 200 as const : 503 as const };
  };
  const answer = async () => {
    const { body, status } = await report();
    return Response.json(body, { status, headers: { "cache-control": "no-store" } });
  };
  return new Hono()
    .get("/health", answer)
    .get("/health/ready", answer)
    .get("/health/live", (c) => c.json({ status: "ok" }))
    .all("/health", onlyGet)
    .all("/health/ready", onlyGet)
    .all("/health/live", onlyGet);
}

async function outcomeOf(check: () => boolean | Promise<boolean>): Promise<"ok" | "failed"> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((done) => {
    timer = setTimeout(() => done(false), CHECK_MS_MAX);
  });
  try {
    return await Promise.race([check(), late]) ? "ok" : "failed";
  } catch {
    return "failed";
  } finally {
    clearTimeout(timer);
  }
}
