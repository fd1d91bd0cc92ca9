/** `keys`: API keys are made, listed, rotated and revoked where the database is at hand. */
import { type CreatedKey, Keys } from "../runtime/keys.ts";
import { recordCommand } from "./auditing.ts";
import { type OutputOptions, print, printJson, printTable } from "./output.ts";
import { withStore } from "./service.ts";
import type { Settings } from "./settings.ts";

/** What `keys create` was called with. */
export interface CreateOptions extends OutputOptions {
  readonly name: string;
  readonly tenant?: string;
  readonly scopes: readonly string[];
  readonly expires?: string;
  readonly ifNone?: boolean;
}

const service = { name: "perdura keys", debug: false };

/** Makes a key and prints it: the one time it is seen. In JSON, null: there was one. */
export async function createKey(settings: Settings, options: CreateOptions): Promise<void> {
  await withStore(settings, service, async (store) => {
    const keys = new Keys(store.keys);
    const created = options.ifNone ? await keys.createFirst() : await keys.create({
      name: options.name,
      tenantId: options.tenant ?? null,
      scopes: options.scopes,
      expiresAt: options.expires ?? null,
    });
    if (created) {
      const { id, tenantId, name, scopes } = created.key;
      const detail = { name, scopes: [...scopes] };
      await recordCommand(store, { tenantId, action: "key.create", subject: `keys/${id}`, detail });
    }
    if (created) await printKey(created, options);
    else if (options.json) await printJson(null);
    else await print("There is a platform key already; nothing was made");
  });
}

const header = ["id", "tenant", "state", "scopes", "last used", "name"];

/** Prints one line per key, newest first. */
export async function listKeys(settings: Settings, options: OutputOptions): Promise<void> {
  await withStore(settings, service, async (store) => {
    const keys = await new Keys(store.keys).list(null);
    if (options.json) return await printJson(keys);
    const rows = keys.map(({ id, tenantId, scopes, isLive, lastUsedAt, name }) => {
      const state = isLive ? "live" : "dead";
      return [id, tenantId ?? "*", state, scopes.join(","), lastUsedAt ?? "never", name];
    });
    await printTable(header, rows);
  });
}

/** Revokes a key: it is refused everywhere within seconds. */
export async function revokeKey(settings: Settings, id: string): Promise<void> {
  await withStore(settings, service, async (store) => {
    const { tenantId } = await new Keys(store.keys).revoke(null, id);
    await recordCommand(store, { tenantId, action: "key.revoke", subject: `keys/${id}` });
    await print(`Revoked ${id}`);
  });
}

/** Makes a key in the place of another, which is good for `overlapMs` more, and prints it. */
export async function rotateKey(
  settings: Settings,
  id: string,
  options: OutputOptions & { readonly overlap?: number },
): Promise<void> {
  await withStore(settings, service, async (store) => {
    const { overlap = 0 } = options;
    const created = await new Keys(store.keys).rotate(id, overlap);
    const { tenantId, id: keyId } = created.key;
    const detail = { keyId, overlapMs: overlap };
    await recordCommand(store, { tenantId, action: "key.rotate", subject: `keys/${id}`, detail });
    await printKey(created, options);
  });
}

/** The key alone, for a script that keeps it; in JSON as `POST /keys` answers. */
async function printKey({ key, text }: CreatedKey, { json }: OutputOptions): Promise<void> {
  if (json) await printJson({ ...key, key: text });
  else await print(text);
}
