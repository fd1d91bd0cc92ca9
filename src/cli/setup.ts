/** `setup`: what a first start needs, safe to repeat: the schema, and a platform key. */
import { createKey } from "./keys.ts";
import { runMigrate } from "./migrate.ts";
import type { Settings } from "./settings.ts";

/** Migrates, and makes the first platform key unless there is one. */
export async function runSetup(settings: Settings): Promise<void> {
  await runMigrate(settings, false);
  await createKey(settings, { name: "first", scopes: ["platform"], ifNone: true });
}
