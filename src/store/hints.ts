/**
 * Hints between processes over LISTEN and NOTIFY: never part of a commit, never needed.
 *
 * NOTIFY takes a database-wide lock at commit. While hints are rare each goes out at once; under load
 * a process sends one in 50 ms, with whatever has gathered. Listeners in the same process hear of it
 * without the database. A lost hint costs one poll interval.
 */
import { systemClock } from "../core/clock.ts";
import { newId } from "../core/id.ts";
import type { JobInsert } from "../core/job.ts";
import * as sql from "../../sql/mod.ts";
import type { Database, Statement } from "./database.ts";
import { withinTenant } from "./request.ts";
import type { Entered, Hint, Lane } from "./store.ts";

/** The channel of all hints. */
const CHANNEL = "perdura";
const INTERVAL_MS = 50;
/** So many in a row go out at once; every 20 ms of quiet allow one more. */
const BURST = 20;
const REFILL_MS = 20;
/** PostgreSQL takes 8,000 bytes; a hint without lanes means: look for yourself. */
const PAYLOAD_LENGTH_MAX = 2_500;
const LANES_MAX = 20;
/** 37 bytes each: they fit. */
const IDS_MAX = 50;

/** The hint side of the store. */
export class Hints {
  readonly #db: Database;
  /** Our own hints come back to us as well: we know them already. */
  readonly #id = newId();
  readonly #listeners = new Set<(message: Hint | null) => void>();
  #quietUntilFlush: ReturnType<typeof setTimeout> | null = null;
  #allowed = BURST;
  #refilledAt = systemClock.monotonic();
  #lanes = new Map<string, Lane>();
  #hasLanes = false;
  #hasCancel = false;
  #hasWatch = false;
  #hasMail = false;
  #hasOldMail = false;
  /** Jobs that have ended; null: there are none. Empty: some, and nobody says which. */
  #ended: readonly string[] | null = null;

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * Inserts jobs and tells of their lanes. While hints are rare, other processes are told by a statement
   * right behind the insert, which is sent before that is answered.
   */
  async tellOf(
    lanes: readonly Lane[],
    jobs: readonly JobInsert[],
    insert: (ahead: Statement | null) => Promise<Entered[]>,
  ): Promise<Entered[]> {
    if (lanes.length === 0) return await insert(null);
    const hint: Hint = { kind: "lanes", lanes, isLone: jobs.length === 1 };
    // A key that is taken brings nobody any work.
    const isSure = jobs.every((job) => job.idempotencyKey === null);
    const ahead = isSure ? this.#statementOf(hint) : null;
    const entered = await insert(ahead);
    if (ahead) this.#tellListeners(hint);
    else if (entered.some(({ created }) => created)) this.hint(hint);
    return entered;
  }

  /** `HintStore.hint`. */
  hint(message: Hint): void {
    if (message.kind === "lanes") this.#addLanes(message.lanes);
    else if (message.kind === "cancel") this.#hasCancel = true;
    else if (message.kind === "watch") this.#hasWatch = true;
    else if (message.kind === "mail") this.#addMail(message.isOld);
    else this.#ended = allOf(this.#ended, message.ids);
    this.#tellListeners(message);
    if (this.#quietUntilFlush !== null) return;
    if (this.#mayGoAtOnce()) this.#flush();
    else this.#quietUntilFlush = setTimeout(() => this.#flush(), INTERVAL_MS);
  }

  /** `HintStore.onHint`. */
  onHint(onHint: (message: Hint | null) => void): Promise<() => Promise<void>> {
    const read = (payload: string) => {
      if (!payload.includes(this.#id)) onHint(parseHint(payload));
    };
    this.#listeners.add(onHint);
    return this.#db.listen(CHANNEL, read, () => onHint(null)).then((stop) => () => {
      this.#listeners.delete(onHint);
      return stop();
    });
  }

  close(): void {
    if (this.#quietUntilFlush !== null) clearTimeout(this.#quietUntilFlush);
    this.#quietUntilFlush = null;
  }

  #addLanes(lanes: readonly Lane[]): void {
    this.#hasLanes = true;
    for (const lane of lanes) {
      if (this.#lanes.size > LANES_MAX) return;
      this.#lanes.set(`${lane.lane} ${lane.priority} ${lane.tenantId}`, lane);
    }
  }

  #addMail(isOld: boolean): void {
    this.#hasMail = true;
    this.#hasOldMail ||= isOld;
  }

  #flush(): void {
    this.#quietUntilFlush = null;
    const messages: Hint[] = [];
    if (this.#hasLanes) messages.push({ kind: "lanes", lanes: [...this.#lanes.values()] });
    if (this.#hasCancel) messages.push({ kind: "cancel" });
    if (this.#hasWatch) messages.push({ kind: "watch" });
    if (this.#hasMail) messages.push({ kind: "mail", isOld: this.#hasOldMail });
    if (this.#ended !== null) messages.push({ kind: "ended", ids: this.#ended });
    this.#lanes.clear();
    this.#ended = null;
    this.#hasLanes =
      this.#hasCancel =
      this.#hasWatch =
      this.#hasMail =
      this.#hasOldMail =
        false;
    if (messages.length === 0) return;
    // A hint that fails is a hint that is lost: workers poll.
    for (const message of messages) {
      this.#db.query(sql.notify, [CHANNEL, payloadOf(message, this.#id)]).catch(() => {});
    }
  }

  #statementOf(message: Hint): Statement | null {
    if (this.#quietUntilFlush !== null || !this.#mayGoAtOnce()) return null;
    return { text: sql.notify, parameters: [CHANNEL, payloadOf(message, this.#id)] };
  }

  #tellListeners(message: Hint): void {
    // Whoever is woken works for all, and not for the request that happens to tell.
    for (const listener of this.#listeners) {
      queueMicrotask(() => withinTenant(null, () => listener(message)));
    }
  }

  #mayGoAtOnce(): boolean {
    const now = systemClock.monotonic();
    this.#allowed = Math.min(BURST, this.#allowed + (now - this.#refilledAt) / REFILL_MS);
    this.#refilledAt = now;
    if (this.#allowed < 1) return false;
    this.#allowed--;
    return true;
  }
}

/** Ids and more ids; none: too many, or somebody has named none. */
function allOf(known: readonly string[] | null, more: readonly string[]): readonly string[] {
  const isUnnamed = known?.length === 0 || more.length === 0;
  const ids = [...known ?? [], ...more];
  return isUnnamed || ids.length > IDS_MAX ? [] : ids;
}

function payloadOf(message: Hint, from: string): string {
  const isShort = message.kind !== "lanes" || message.lanes.length <= LANES_MAX;
  const text = isShort ? JSON.stringify({ ...message, from }) : "";
  if (isShort && text.length <= PAYLOAD_LENGTH_MAX) return text;
  // Look for yourself.
  return JSON.stringify({ kind: "lanes", lanes: [], from });
}

/** Anybody may send on the channel: what cannot be read means "look for yourself". */
function parseHint(payload: string): Hint | null {
  try {
    const value: unknown = JSON.parse(payload);
    if (typeof value !== "object" || value === null || !("kind" in value)) return null;
    const { kind } = value;
    if (kind === "cancel" || kind === "watch") return { kind };
    if (kind === "mail") return { kind, isOld: Reflect.get(value, "isOld") === true };
    if (value.kind === "ended") return { kind: "ended", ids: textsOf(value) };
    if (!("lanes" in value) || !Array.isArray(value.lanes) || value.lanes.length === 0) return null;
    const isLone = Reflect.get(value, "isLone") === true;
    return value.lanes.every(isLane) ? { kind: "lanes", lanes: value.lanes, isLone } : null;
  } catch {
    return null;
  }
}

function textsOf(value: object): string[] {
  const ids: unknown = Reflect.get(value, "ids");
  return Array.isArray(ids) ? ids.filter((id) => typeof id === "string") : [];
}

function isLane(value: unknown): value is Lane {
  if (typeof value !== "object" || value === null) return false;
  const isText = (key: string) => typeof Reflect.get(value, key) === "string";
  return ["tenantId", "lane", "queue", "type"].every(isText) &&
    typeof Reflect.get(value, "priority") === "number" &&
    typeof Reflect.get(value, "isOrdered") === "boolean";
}
