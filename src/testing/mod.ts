/**
 * The test kit: your machines on a real PostgreSQL, with a clock that you turn and crashes that you
 * choose. A process of thirty days takes as long as its steps.
 *
 * ```ts
 * await using kit = await createTestKit({ databaseUrl, machines: [approvals] });
 * await kit.actors.start({ machine: "approval", id: "a", input });
 * await kit.advance(24 * 3_600_000);
 * ```
 */
import * as sql from "../../sql/mod.ts";
import type { Handler } from "../runtime/handlers.ts";
import type { RuntimeOptions } from "../library/opening.ts";
import { openRuntime, type Runtime } from "../library/runtime.ts";
import { Database } from "../store/database.ts";
import { CrashError } from "../core/errors.ts";
import { type CrashPoint, Fuse, fused } from "./fuse.ts";

export { CrashError, type CrashPoint };

/** What `createTestKit` takes: a database of the test's own. */
export type TestKitOptions<H extends Handler> =
  & Omit<RuntimeOptions<H>, "sql" | "databaseUrl">
  & { readonly databaseUrl: string };

/** What was done until nothing was left to do. */
export interface Idle {
  /** Turns of actors. */
  readonly turns: number;
  /** Attempts of jobs that ended. */
  readonly ran: number;
}

/** Slices in which something was done, at most: what is busier is busy for ever. */
const SLICES_MAX = 1_000;
const BUDGET_MS = 10_000;

/** Opens the kit as `createRuntime` opens a runtime, by the same options. @throws What that does. */
export async function createTestKit<const H extends Handler>(
  options: TestKitOptions<H>,
): Promise<TestKit<H>> {
  const fuse = new Fuse();
  const given = { pollMs: 20, name: "perdura testing", ...options };
  const runtime = await openRuntime(given, (store) => fused(store, fuse));
  const db = new Database({ url: options.databaseUrl, connections: 1 });
  return new TestKit(runtime, db, fuse);
}

/** A runtime whose time is yours. `await using`, or `close()` at the end. */
export class TestKit<H extends Handler = Handler> {
  readonly runtime: Runtime<H>;
  readonly #db: Database;
  readonly #fuse: Fuse;

  constructor(runtime: Runtime<H>, db: Database, fuse: Fuse) {
    this.runtime = runtime;
    this.#db = db;
    this.#fuse = fuse;
  }

  /** Those of `runtime`. */
  get actors(): Runtime["actors"] {
    return this.runtime.actors;
  }

  /**
   * Lets so many milliseconds pass for every timer, delay, rate and window of the database, then does what is due.
   * Schedules go by the calendar; leases, locks and breakers by real time.
   *
   * @param ms From 0.
   * @throws {RangeError} It is less.
   */
  async advance(ms: number): Promise<Idle> {
    if (!(ms >= 0)) throw new RangeError("Time goes forward: give milliseconds from 0");
    await this.#db.query(sql.testingAdvance, [ms, false]);
    return await this.untilIdle();
  }

  /**
   * Steps actors and runs jobs until nothing is due, over crashes as well.
   *
   * @throws {Error} There is always more: a thousand slices of work were not enough.
   */
  async untilIdle(): Promise<Idle> {
    let [turns, ran] = [0, 0];
    for (let slice = 0; slice < SLICES_MAX; slice++) {
      const crashes = this.#fuse.blown;
      const driven = await this.runtime.drive({ budgetMs: BUDGET_MS });
      turns += driven.turns;
      ran += driven.ran;
      const hasCrashed = this.#fuse.blown > crashes;
      // The process is gone, and so is what it held.
      if (hasCrashed) await this.#db.query(sql.testingAdvance, [0, true]);
      const isIdle = !hasCrashed && !driven.more && driven.turns + driven.ran === 0;
      if (isIdle && !await this.#settle()) return { turns, ran };
    }
    throw new Error(`Still busy after ${SLICES_MAX} slices: does an actor send itself events?`);
  }

  /**
   * The next time this point is reached, the process dies there: what it has not committed is lost.
   * A call of the test that is under way then gets a `CrashError`.
   */
  crashAt(point: CrashPoint): void {
    this.#fuse.set(point);
  }

  /** Limits that a handler has just declared hold nobody up any more. False: there were none. */
  async #settle(): Promise<boolean> {
    const [row] = await this.#db.query(sql.testingSettle);
    return Number(row?.n) > 0;
  }

  async close(): Promise<void> {
    await this.runtime.close();
    await this.#db.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
