/** Making, listing and revoking API keys. */
import { z } from "zod";
import { SCOPES, SCOPES_OF_ALL } from "../core/access.ts";
import { InvalidInputError, NotFoundError, UnavailableError } from "../core/errors.ts";
import { newKey } from "../core/key.ts";
import { instantSchema, issuesOf, nameSchema } from "../core/job.ts";
import { limits } from "../core/limits.ts";
import type { ApiKey } from "../core/api_key.ts";
import type { KeyStore } from "../store/store.ts";

/** What a new key is asked for with. */
export const newKeySchema = z.strictObject({
  name: z.string().min(1).max(100),
  /** Left out: the scopes are `platform`, `drive` or `metrics`, which are of no tenant. */
  tenantId: nameSchema.nullable().default(null),
  scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length),
  expiresAt: instantSchema.nullable().default(null),
}).refine(({ tenantId, scopes }) => isOfAll(scopes) === (tenantId === null), {
  path: ["scopes"],
  message: 'A key without a tenant has "platform", or only "drive" and "metrics"; others have none',
});

/** Whether they are those of a key without a tenant; null: of neither kind. */
function isOfAll(scopes: readonly string[]): boolean | null {
  if (scopes.includes("platform")) return true;
  const count = scopes.filter((scope) => SCOPES_OF_ALL.includes(scope)).length;
  return count === 0 ? false : count === scopes.length ? true : null;
}

/** The same for all who make it, so that there is one. */
const FIRST_KEY_ID = "00000000-0000-7000-8000-000000000001";

/** A key and its text, which nobody will see again. */
export interface CreatedKey {
  readonly key: ApiKey;
  readonly text: string;
}

/** API keys, as operators handle them. */
export class Keys {
  readonly #store: KeyStore;

  constructor(store: KeyStore) {
    this.#store = store;
  }

  /** @throws {InvalidInputError} */
  async create(input: unknown): Promise<CreatedKey> {
    const created = await this.#create(input, false);
    if (!created) throw new UnavailableError("The key was not stored");
    return created;
  }

  /** A platform key, unless there is one that lives: null. */
  createFirst(): Promise<CreatedKey | null> {
    return this.#create({ name: "first", scopes: ["platform"] }, true);
  }

  list(tenantId: string | null): Promise<ApiKey[]> {
    return this.#store.listKeys(tenantId, limits.pageMax);
  }

  /** Refused everywhere within seconds. @throws {NotFoundError} */
  async revoke(tenantId: string | null, id: string): Promise<void> {
    if (!await this.#store.revokeKey(tenantId, id)) throw new NotFoundError("key", id);
  }

  /** A new key of the same tenant, name and scopes; the old one is revoked. @throws {NotFoundError} */
  async rotate(tenantId: string | null, id: string): Promise<CreatedKey> {
    const found = await this.#store.findKey(id);
    if (!found || (tenantId !== null && found.key.tenantId !== tenantId) || !found.key.isLive) {
      throw new NotFoundError("key", id);
    }
    const { name, scopes, expiresAt } = found.key;
    const created = await this.create({ name, scopes, expiresAt, tenantId: found.key.tenantId });
    await this.revoke(tenantId, id);
    return created;
  }

  async #create(input: unknown, onlyFirst: boolean): Promise<CreatedKey | null> {
    const parsed = newKeySchema.safeParse(input);
    if (!parsed.success) throw new InvalidInputError(issuesOf(parsed.error, (path) => path));
    const { id, text, hash } = await newKey(onlyFirst ? FIRST_KEY_ID : undefined);
    const isStored = await this.#store.addKey({ ...parsed.data, id, hash }, onlyFirst);
    const stored = isStored ? await this.#store.findKey(id) : null;
    return stored ? { key: stored.key, text } : null;
  }
}
