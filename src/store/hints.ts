/**
 * Hints between processes over LISTEN and NOTIFY: never part of a commit, never needed.
 *
 * NOTIFY takes a database-wide lock at commit, so a process sends at most one in 50 ms: the first
 * at once, the following merged. A lost hint costs one poll interval.
 */
import * as sql from "../../sql/mod.ts";
import type { Database } from "./database.ts";
import type { Hint, Lane } from "./store.ts";

/** The channel of all hints. */
const CHANNEL = "perdura";
const INTERVAL_MS = 50;
/** PostgreSQL takes 8,000 bytes; a hint without lanes means: look for yourself. */
const PAYLOAD_LENGTH_MAX = 2_500;
const LANES_MAX = 20;
/** 37 bytes each: they fit. */
const IDS_MAX = 50;

/** The hint side of the store. */
export class Hints {
  readonly #db: Database;
  #quietUntilFlush: ReturnType<typeof setTimeout> | null = null;
  #lanes = new Map<string, Lane>();
  #hasLanes = false;
  #hasCancel = false;
  #hasWatch = false;
  #ended: string[] = [];

  constructor(db: Database) {
    this.#db = db;
  }

  /** `HintStore.hint`. */
  hint(message: Hint): void {
    if (message.kind === "lanes") this.#addLanes(message.lanes);
    else if (message.kind === "cancel") this.#hasCancel = true;
    else if (message.kind === "watch") this.#hasWatch = true;
    else if (this.#ended.length <= IDS_MAX) this.#ended.push(...message.ids);
    if (this.#quietUntilFlush === null) this.#flush();
  }

  /** `HintStore.onHint`. */
  onHint(onHint: (message: Hint | null) => void): Promise<() => Promise<void>> {
    const read = (payload: string) => onHint(parseHint(payload));
    return this.#db.listen(CHANNEL, read, () => onHint(null));
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

  #flush(): void {
    this.#quietUntilFlush = null;
    const messages: Hint[] = [];
    if (this.#hasLanes) messages.push({ kind: "lanes", lanes: [...this.#lanes.values()] });
    if (this.#hasCancel) messages.push({ kind: "cancel" });
    if (this.#hasWatch) messages.push({ kind: "watch" });
    if (this.#ended.length > 0) messages.push(endedHint(this.#ended));
    this.#lanes.clear();
    this.#ended = [];
    this.#hasLanes = this.#hasCancel = this.#hasWatch = false;
    if (messages.length === 0) return;
    // A hint that fails is a hint that is lost: workers poll.
    for (const m of messages) this.#db.query(sql.notify, [CHANNEL, payloadOf(m)]).catch(() => {});
    this.#quietUntilFlush = setTimeout(() => this.#flush(), INTERVAL_MS);
  }
}

function endedHint(ids: readonly string[]): Hint {
  return { kind: "ended", ids: ids.length > IDS_MAX ? [] : ids };
}

function payloadOf(message: Hint): string {
  if (message.kind === "lanes" && message.lanes.length > LANES_MAX) return lookForYourself;
  const text = JSON.stringify(message);
  return text.length > PAYLOAD_LENGTH_MAX ? lookForYourself : text;
}

const lookForYourself = JSON.stringify({ kind: "lanes", lanes: [] });

/** Anybody may send on the channel: what cannot be read means "look for yourself". */
function parseHint(payload: string): Hint | null {
  try {
    const value: unknown = JSON.parse(payload);
    if (typeof value !== "object" || value === null || !("kind" in value)) return null;
    if (value.kind === "cancel" || value.kind === "watch") return { kind: value.kind };
    if (value.kind === "ended") return { kind: "ended", ids: textsOf(value) };
    if (!("lanes" in value) || !Array.isArray(value.lanes) || value.lanes.length === 0) return null;
    return value.lanes.every(isLane) ? { kind: "lanes", lanes: value.lanes } : null;
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
    typeof Reflect.get(value, "priority") === "number";
}
