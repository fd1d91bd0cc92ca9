/** `migrate`: brings the schema up to date, or prints what it would do. */
import { during } from "../runtime/starting.ts";
import { migrate } from "../store/migrate.ts";
import { migrationWaits } from "../store/migration_waits.ts";
import { print } from "./output.ts";
import { attachDatabase, migrationOf } from "./service.ts";
import type { Settings } from "./settings.ts";

/** Applies pending migrations; with `plan` only prints their SQL. */
export async function runMigrate(settings: Settings, plan: boolean): Promise<void> {
  const database = await attachDatabase(settings);
  try {
    const debug = settings.PERDURA_DEBUG ?? false;
    const options = { ...migrationOf(settings, database.url), plan, debug };
    const look = () => migrationWaits(options);
    const { pending } = await during("migrate", () => migrate(options), look);
    for (const { name, text } of pending) {
      await print(plan ? `-- ${name}\n${text}` : `Applied ${name}`);
    }
    if (pending.length === 0) await print("-- Up to date");
  } finally {
    await database.close();
  }
}
