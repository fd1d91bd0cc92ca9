/**
 * Statements of one request: each in a transaction of its own, under a role that sees one tenant.
 *
 * The second wall. The application names the tenant in every statement; here PostgreSQL itself lets no
 * other row through, whatever a statement says (`sql/queries/wall.sql`). Which request a statement is
 * of is found by the asynchronous context: a route that could forget to pass it on would be a hole.
 * Transaction and role travel with the statement, so it costs no round trip.
 *
 * What many requests share, because one of them begins it and it does the work of all, has to say for whom
 * it is: `requester` when work comes in, `withinTenant` when it is done.
 */
import { getLogger } from "@logtape/logtape";
import * as sql from "../../sql/mod.ts";
import {
  Database,
  type DatabaseOptions,
  type Parameter,
  type Row,
  type Statement,
} from "./database.ts";
import { Entrance } from "./entrance.ts";
import { tenantLiteral } from "./literal.ts";
import { field } from "./rows.ts";

const log = getLogger(["perdura", "store"]);

const CONNECTIONS = 4;
/** An `AsyncLocalStorage`: the platform's, or none. */
interface Context {
  run<T>(value: string | null, work: () => T): T;
  getStore(): string | null | undefined;
}

const current = contextOf(Reflect.get(globalThis, "process"));

/** Runs `work`; statements of requests that it sends see this tenant alone. Null: it is of no request. */
export function withinTenant<T>(tenantId: string | null, work: () => T): T {
  return current ? current.run(tenantId, work) : work();
}

/** The tenant whose request this is done for; null: of none. */
export function requester(): string | null {
  return current?.getStore() ?? null;
}

/** Asked for, not imported: where there is no such module the wall is missing, and all else works. */
function contextOf(process: unknown): Context | null {
  const { getBuiltinModule: load } = Object(process);
  if (typeof load !== "function") return null;
  const { AsyncLocalStorage } = Object(load.call(process, "node:async_hooks"));
  return typeof AsyncLocalStorage === "function" ? new AsyncLocalStorage() : null;
}

/** A pool for what clients ask for. Outside of any request it is the other pool, unchanged. */
export class RequestDatabase extends Database {
  /** For their new jobs. */
  readonly entrance: Entrance;
  readonly #outer: Database;
  #wall: Promise<boolean> | null = null;

  constructor(options: DatabaseOptions, outer: Database) {
    // Plans depend on the role: on connections of their own nothing is planned twice.
    super({ ...options, connections: CONNECTIONS, name: `${options.name ?? "perdura"} request` });
    this.entrance = new Entrance(options);
    this.#outer = outer;
  }

  /** Whether the wall stands: asked once, and again while it cannot be answered. */
  hasWall(): Promise<boolean> {
    if (current === null) return Promise.resolve(false);
    this.#wall ??= this.#outer.query(sql.hasWall).then(([row]) => {
      const stands = field<boolean>(row, "stands");
      if (!stands) log.warning("Row-level security is not in place; see docs/security.md");
      return stands;
    }).catch((error) => {
      this.#wall = null;
      throw error;
    });
    return this.#wall;
  }

  /** The tenant behind whose wall the work under way is; null: behind none. */
  async behind(): Promise<string | null> {
    const tenantId = requester();
    return tenantId !== null && await this.hasWall() ? tenantId : null;
  }

  override async queryBefore(
    next: Statement | null,
    text: string,
    parameters: readonly Parameter[],
  ): Promise<readonly Row[]> {
    const tenantId = await this.behind();
    return await (tenantId === null
      ? this.#outer.queryBefore(next, text, parameters)
      : this.queryWithin(preludeOf(tenantId), next, text, parameters));
  }

  override async close(): Promise<void> {
    await Promise.all([super.close(), this.entrance.close()]);
  }
}

function preludeOf(tenantId: string): string {
  return "begin; set local role perdura_tenant; " +
    `set local perdura.tenant = '${tenantLiteral(tenantId)}'`;
}
