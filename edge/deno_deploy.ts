/** The entry on Deno Deploy: `DATABASE_URL` comes from its environment, its cron drives. */
import { edge } from "./program.ts";

const env = {
  DATABASE_URL: Deno.env.get("DATABASE_URL") ?? "",
  AUTH: Deno.env.get("AUTH") === "none" ? "none" : "keys",
} as const;
/** The process lives on: what goes on after an answer needs no permission. */
const context = { waitUntil: (work: Promise<unknown>) => void work.catch(() => {}) };

/** Under `deno serve`, a cron that nobody ends keeps the process alive after a SIGTERM. */
const over = new AbortController();
if (Deno.env.get("DENO_DEPLOYMENT_ID") === undefined) {
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(name, () => over.abort());
  }
}

Deno.cron("perdura drive", "* * * * *", { signal: over.signal }, async () => {
  await edge.scheduled(null, env);
});

export default {
  fetch: (request: Request) => edge.fetch(request, env, context),
};
