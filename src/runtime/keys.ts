/** Making, listing, rotating and revoking API keys. */
import { z } from "zod";
import { isOfAll, type Scope, SCOPES } from "../core/access.ts";
import { systemClock } from "../core/clock.ts";
import {
  ForbiddenError,
  InvalidInputError,
  NotFoundError,
  UnavailableError,
} from "../core/errors.ts";
import { newKey } from "../core/key.ts";
import { instantSchema, nameSchema } from "../core/forms.ts";
import { issuesOf } from "../core/job.ts";
import { limits } from "../core/limits.ts";
import type { ApiKey } from "../core/api_key.ts";
import type { KeyStore } from "../store/store.ts";
import type { Page } from "./paging.ts";

const scopeNames = SCOPES.join(", ");

/** The members of `newKeySchema`. */
export const newKeyShape = {
  name: z.string().min(1).max(100),
  /** Left out: the scopes are `platform`, `drive` or `metrics`, which are of no tenant. */
  tenantId: nameSchema.nullable().default(null),
  scopes: z.array(z.enum(SCOPES, `Must be of ${scopeNames}`)).min(1).max(SCOPES.length),
  expiresAt: instantSchema.refine((at) => Date.parse(at) > systemClock.now(), "Is over")
    .nullable().default(null),
} as const;

/** What a new key is asked for with. */
const newKeySchema = z.strictObject(newKeyShape).refine(
  ({ tenantId, scopes }) => isOfAll(scopes) === (tenantId === null),
  {
    path: ["scopes"],
    message:
      'A key without a tenant has "platform", or only "drive" and "metrics"; others have none',
  },
);

/** The same for all who make it, so that there is one. */
const FIRST_KEY_ID = "00000000-0000-7000-8000-000000000001";

/** A key and its text, which nobody will see again. */
export interface CreatedKey {
  readonly key: ApiKey;
  readonly text: string;
}

/** Who asks for keys: nobody gives away what it has not. */
export interface KeyMaker {
  /** Its own tenant; null: any. */
  readonly tenantId: string | null;
  may(scope: Scope): boolean;
}

/** Whoever has the database has everything. */
export const owner: KeyMaker = { tenantId: null, may: () => true };

/** API keys, as operators handle them. */
export class Keys {
  readonly #store: KeyStore;

  constructor(store: KeyStore) {
    this.#store = store;
  }

  /**
   * Makes a key.
   *
   * @throws {InvalidInputError} An unknown scope, an instant that is over, and the like.
   * @throws {ForbiddenError} A scope that its maker has not.
   */
  async create(input: unknown, maker: KeyMaker = owner): Promise<CreatedKey> {
    const created = await this.#create(input, maker, false);
    if (!created) throw new UnavailableError("The key was not stored");
    return created;
  }

  /** A platform key, unless there is one that lives: null. */
  createFirst(): Promise<CreatedKey | null> {
    return this.#create({ name: "first", scopes: ["platform"] }, owner, true);
  }

  /** One page, newest first; `before`: the id that the last one ended with. */
  async page(tenantId: string | null, before: string | null, limit: number): Promise<Page<ApiKey>> {
    const found = await this.#store.listKeys(tenantId, before, limit + 1);
    const items = found.slice(0, limit);
    return { items, nextCursor: found.length > limit ? items.at(-1)?.id ?? null : null };
  }

  /** All of them, newest first. */
  async list(tenantId: string | null): Promise<ApiKey[]> {
    const keys: ApiKey[] = [];
    for (let before: string | null = null;;) {
      const { items, nextCursor } = await this.page(tenantId, before, limits.pageMax);
      keys.push(...items);
      if (nextCursor === null) return keys;
      before = nextCursor;
    }
  }

  /** One key, dead or alive. @throws {NotFoundError} */
  async get(tenantId: string | null, id: string): Promise<ApiKey> {
    const found = await this.#store.findKey(id);
    if (!found || (tenantId !== null && found.key.tenantId !== tenantId)) {
      throw new NotFoundError("key", id);
    }
    return found.key;
  }

  /** Refused everywhere within seconds. @throws {NotFoundError} */
  async revoke(tenantId: string | null, id: string): Promise<ApiKey> {
    const key = await this.get(tenantId, id);
    await this.#store.revokeKey(tenantId, id);
    return key;
  }

  /**
   * A new key of the same tenant, name, scopes and expiry; the old one is good for `overlapMs` more,
   * so that its users can change over.
   *
   * @throws {NotFoundError} There is none that lives.
   * @throws {ForbiddenError} It has a scope that its maker has not.
   */
  async rotate(id: string, overlapMs = 0, maker: KeyMaker = owner): Promise<CreatedKey> {
    const { isLive, name, scopes, expiresAt, tenantId } = await this.get(maker.tenantId, id);
    if (!isLive) throw new NotFoundError("key", id);
    const created = await this.create({ name, scopes, expiresAt, tenantId }, maker);
    if (overlapMs === 0) await this.#store.revokeKey(maker.tenantId, id);
    else await this.#store.expireKey(maker.tenantId, id, overlapMs);
    return created;
  }

  async #create(input: unknown, maker: KeyMaker, onlyFirst: boolean): Promise<CreatedKey | null> {
    const parsed = newKeySchema.safeParse(input);
    if (!parsed.success) throw new InvalidInputError(issuesOf(parsed.error, (path) => path));
    const beyond = parsed.data.scopes.find((scope) => !maker.may(scope));
    if (beyond) throw new ForbiddenError(`Only who has the scope "${beyond}" may give it away`);
    const { id, text, hash } = await newKey(onlyFirst ? FIRST_KEY_ID : undefined);
    const scopes = [...new Set(parsed.data.scopes)];
    const isStored = await this.#store.addKey({ ...parsed.data, scopes, id, hash }, onlyFirst);
    const stored = isStored ? await this.#store.findKey(id) : null;
    return stored ? { key: stored.key, text } : null;
  }
}
