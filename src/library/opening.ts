/** What a runtime does before there is one: its options are checked, its database is opened. */
import { Cipher, parseCipherKeys } from "../core/cipher.ts";
import { demandOptions } from "../core/options.ts";
import type { Handler } from "../runtime/handlers.ts";
import { during } from "../runtime/starting.ts";
import { migrate, type MigrateOptions } from "../store/migrate.ts";
import { migrationWaits } from "../store/migration_waits.ts";
import { openStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import { addressOf, isAddress } from "./address.ts";
import { runtimeSchema } from "./options.ts";
import type { RuntimeOptions } from "./runtime.ts";

const NO_ADDRESS = "databaseUrl must be a postgres:// address, percent-encoded";

/** Others may be at it, or hold what it needs: then it is said. */
function bringUpToDate(place: MigrateOptions): Promise<unknown> {
  return during("migrate", () => migrate(place), () => migrationWaits(place));
}

/** The store of a runtime, its schema up to date. @throws As `createRuntime` does. */
export async function openDatabase(options: RuntimeOptions<Handler>): Promise<Store> {
  demandOptions(runtimeSchema, options, "options");
  const url = options.databaseUrl ?? (options.sql && addressOf(options.sql));
  if (url === undefined) throw new TypeError("createRuntime needs databaseUrl or sql");
  for (const given of [options.databaseUrl, options.listenUrl]) {
    if (given !== undefined && !isAddress(given)) throw new TypeError(NO_ADDRESS);
  }
  const { name = "perdura", isPooled = false, listenUrl, payloadKeys } = options;
  const cipher = payloadKeys === undefined ? null : new Cipher(parseCipherKeys(payloadKeys));
  if (options.migrate !== false) await bringUpToDate({ url: listenUrl ?? url, isPooled });
  const place = {
    ...{ url, name, isPooled, ...boundsOf(options) },
    ...(listenUrl ? { listenUrl } : {}),
  };
  return openStore(place, cipher);
}

/** The server's timeouts come before the client's: it ends a statement cleanly, a cut connection does not. */
function boundsOf(
  { connections, deadlineMs }: Pick<RuntimeOptions<Handler>, "connections" | "deadlineMs">,
) {
  return {
    ...(connections === undefined ? {} : { connections }),
    ...(deadlineMs === undefined ? {} : {
      deadlineMs,
      statementTimeoutMs: Math.ceil(deadlineMs * 2 / 3),
      lockTimeoutMs: Math.ceil(deadlineMs / 3),
    }),
  };
}
