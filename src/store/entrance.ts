/**
 * The way in for jobs of requests: behind the wall (`request.ts`), and still together.
 *
 * Jobs of many requests travel in one statement, which is then of several tenants: those that the role
 * `perdura_sender` is shown for this one statement. PostgreSQL refuses a job of any other. Sessions of
 * their own have that role from their start, and the plain statements name the tenants themselves: it costs
 * no message more than outside of the wall.
 */
import * as sql from "../../sql/mod.ts";
import {
  Database,
  type DatabaseOptions,
  type Parameter,
  type Row,
  type Statement,
} from "./database.ts";
import { column, quoted, tenantLiteral } from "./literal.ts";

/** What sends the statements of an enqueue. */
export interface Sender {
  /** The tenants it may store jobs of, an array literal; left out: any. */
  readonly tenants?: string;
  query(text: string, parameters?: readonly Parameter[]): Promise<readonly Row[]>;
  queryBefore(
    next: Statement | null,
    text: string,
    parameters: readonly Parameter[],
  ): Promise<readonly Row[]>;
}

const CONNECTIONS = 4;
const ROLE = "perdura_sender";

/** A pool for the jobs of requests. It opens nothing before the first of them. */
export class Entrance extends Database {
  constructor(options: DatabaseOptions) {
    const name = `${options.name ?? "perdura"} entrance`;
    super({ ...options, connections: CONNECTIONS, name, role: ROLE });
  }

  /** Stores jobs of these tenants. */
  of(names: Iterable<string>): Sender {
    const tenants = column([...names], (name) => quoted(tenantLiteral(name)));
    const queryBefore: Sender["queryBefore"] = (next, text, parameters) =>
      this.#send(tenants, next, text, parameters);
    return {
      tenants,
      queryBefore,
      query: (text, parameters = []) => queryBefore(null, text, parameters),
    };
  }

  #send(
    tenants: string,
    next: Statement | null,
    text: string,
    parameters: readonly Parameter[],
  ): Promise<readonly Row[]> {
    const { isPooled } = this.options;
    const namesThem = text === sql.insertOne || text === sql.insertPlain;
    if (namesThem && !isPooled) return this.queryBefore(next, text, parameters);
    // Behind a pooler a session has no role of its own.
    const role = isPooled ? `set local role ${ROLE}; ` : "";
    const prelude = `begin; ${role}set local perdura.tenants = '${tenants}'`;
    return this.queryWithin(prelude, next, text, parameters);
  }
}
