/** Turns in a transaction of their own, together with what their actions write. */
import { messageOf } from "../core/actor/errors.ts";
import type { Clock } from "../core/clock.ts";
import {
  CrashError,
  LeaseLostError,
  UnavailableError,
  UnknownResultError,
} from "../core/errors.ts";
import type { SendStatement, Store, TransactionSql, Turn } from "../store/store.ts";
import type { Fate } from "./culprits.ts";
import { type After, isOwn, ownActions } from "./own_machines.ts";
import type { Made } from "./relay_turn.ts";
import type { Turning } from "./turning.ts";

/**
 * A turn whose end was in vain so often has itself to blame: five seconds each, longer than anybody locks a table
 * without being missed.
 */
const VAIN_MAX = 60;
const REMEMBERED_MAX = 1_000;

/** What they need. */
export interface TurnTransactionsHost {
  readonly store: Store;
  readonly clock: Clock;
  readonly worker: string;
  /** Turns are committed. */
  readonly onDone: (turns: readonly Turn[]) => void;
}

/** Commits such turns. */
export class TurnTransactions {
  readonly #host: TurnTransactionsHost;
  /** How often turns were in vain, by actor and version. */
  readonly #vain = new Map<string, number>();

  constructor(host: TurnTransactionsHost) {
    this.#host = host;
  }

  /** @throws {UnavailableError} Or, of an actor that is born by it, whatever its actions throw. */
  async commit({ turning, turn }: Made): Promise<Fate> {
    const { store: { actors }, worker, onDone } = this.#host;
    const after: After[] = [];
    try {
      if (turn.birth) await actors.addTenant(turn.tenantId);
      const write = (sql: TransactionSql) => act(turning, turn, sql);
      await actors.transact(worker, turn.tenantId, write, async (send) => {
        after.push(...await this.#actOwn(turning, turn, send));
        return turn;
      });
      onDone([turn]);
      for (const tell of after) tell();
      this.#vain.delete(keyOfTurn(turn));
      return { isDone: true, failure: null };
    } catch (error) {
      if (error instanceof LeaseLostError) return { isDone: false, failure: null };
      if (error instanceof UnknownResultError && this.#isTooOften(turn)) {
        return { isDone: false, failure: { code: "threw", message: error.message } };
      }
      if (error instanceof UnavailableError || error instanceof CrashError) throw error;
      if (turn.expected === null) throw error;
      return { isDone: false, failure: { code: "threw", message: messageOf(error) } };
    }
  }

  /** It was in vain before: those that are not go first. */
  isLate(turn: Turn): boolean {
    return this.#vain.has(keyOfTurn(turn));
  }

  #isTooOften(turn: Turn): boolean {
    const key = keyOfTurn(turn);
    const times = (this.#vain.get(key) ?? 0) + 1;
    if (this.#vain.size >= REMEMBERED_MAX) this.#vain.clear();
    if (times < VAIN_MAX) this.#vain.set(key, times);
    else this.#vain.delete(key);
    return times >= VAIN_MAX && turn.expected !== null;
  }

  /** A birth whose turn depends on what is written before it, in one transaction of `capMs` at most. */
  async begin(
    tenantId: string,
    make: (send: SendStatement) => Promise<Turning>,
    capMs?: number,
  ): Promise<void> {
    const { store: { actors }, worker, onDone } = this.#host;
    const born: Turn[] = [];
    const after: After[] = [];
    await actors.addTenant(tenantId);
    const nothing = () => Promise.resolve();
    await actors.transact(worker, tenantId, nothing, async (send) => {
      const turning = await make(send);
      const turn = turning.finish();
      after.push(...await this.#actOwn(turning, turn, send));
      born.push(turn);
      return turn;
    }, capMs);
    onDone(born);
    for (const tell of after) tell();
  }

  /** The actions of a machine of Perdura's own. Gives what is to be told after the commit. */
  async #actOwn(turning: Turning, turn: Turn, send: SendStatement): Promise<After[]> {
    if (!isOwn(turning.seat.machine)) return [];
    const { store, clock } = this.#host;
    const after: After[] = [];
    for (const { type, params } of turning.transactional) {
      const own = ownActions[type];
      if (!own) throw new Error(`A machine of Perdura's own asks for "${type}"`);
      after.push(await own({ store, clock }, send, turn, params));
    }
    return after;
  }
}

function keyOfTurn({ tenantId, id, expected }: Turn): string {
  return `${tenantId}\n${id}\n${expected}`;
}

/** The same of an author's machine. */
async function act(turning: Turning, turn: Turn, sql: TransactionSql): Promise<void> {
  if (isOwn(turning.seat.machine)) return;
  for (const { params, exec, given } of turning.transactional) {
    if (typeof given === "object") await given.run({ address: turn.id, params, sql });
    else await exec();
  }
}
