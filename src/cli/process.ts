/** What a process needs before its command is run: the settings, the log, the user's own modules. */
import { configureLogging } from "./logging.ts";
import { readSettings, type Settings } from "./settings.ts";
import { surviveStrayErrors } from "./stray_errors.ts";

/** Call once. @throws {SettingsError} */
export async function beginProcess(): Promise<Settings> {
  const settings = readSettings(Deno.env.toObject());
  await configureLogging(settings.LOG_LEVEL);
  surviveStrayErrors();
  const files = settings.PERDURA_MODULES;
  if (files === null) return settings;
  const { loadModules } = await import("./own_modules.ts");
  return { ...settings, own: await loadModules(files) };
}
