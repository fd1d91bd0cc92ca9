/** The query bar: `state:running queue:mail age words`. Errors name the word they are about. */

/** What is listed. */
export type Listed = "jobs" | "actors";

/** A word that cannot be asked for. */
export interface QueryError {
  readonly start: number;
  readonly end: number;
  readonly message: string;
}

/** A query as the API takes it. */
export interface Query {
  readonly words: Readonly<Record<string, string>>;
  readonly errors: readonly QueryError[];
}

const JOB_STATES = [
  "pending",
  "scheduled",
  "running",
  "retry",
  "succeeded",
  "dead_letter",
  "cancelled",
];
const STATUSES = [
  "active",
  "done",
  "error",
  "stalled",
  "paused",
  "blocked",
  "cancelled",
  "terminated",
];

/** The words of each list: what they are called in the API, and what they may be. */
const known: Readonly<
  Record<
    Listed,
    Readonly<Record<string, { readonly param: string; readonly values?: readonly string[] }>>
  >
> = {
  jobs: {
    state: { param: "state", values: JOB_STATES },
    type: { param: "type" },
    queue: { param: "queue" },
    tag: { param: "tag" },
    key: { param: "idempotencyKey" },
    tenant: { param: "tenantId" },
  },
  actors: {
    machine: { param: "machine" },
    status: { param: "status", values: STATUSES },
    state: { param: "state" },
    tenant: { param: "tenantId" },
  },
};

/** Reads a query. A value with blanks stands in quotes: `tag:"very late"`. */
export function parseQuery(text: string, listed: Listed): Query {
  const words: Record<string, string> = {};
  const errors: QueryError[] = [];
  const free: string[] = [];
  for (const match of text.matchAll(/(?:([A-Za-z.]+):)?(?:"([^"]*)"|(\S+))|(\S+):/g)) {
    const [whole, name, quoted, bare, lone] = match;
    const start = match.index;
    const fail = (message: string) => errors.push({ start, end: start + whole.length, message });
    const value = quoted ?? bare ?? "";
    if (lone !== undefined || (name === undefined && value.endsWith(":"))) {
      fail(`${whole} wants a value`);
    } else if (name === undefined) free.push(value);
    else {
      const word = known[listed][name];
      if (!word) {
        fail(`“${name}:” is not asked for here; there is ${Object.keys(known[listed]).join(", ")}`);
      } else if (word.param in words) fail(`“${name}:” stands there twice`);
      else if (word.values && !value.split(",").every((each) => word.values?.includes(each))) {
        fail(`${name} is one of ${word.values.join(", ")}`);
      } else words[word.param] = value;
    }
  }
  if (free.length > 0 && listed === "jobs") words.q = free.join(" ");
  else if (free[0] !== undefined) {
    const start = text.indexOf(free[0]);
    errors.push({
      start,
      end: start + free[0].length,
      message: `Actors are asked for by ${Object.keys(known.actors).join(", ")}`,
    });
  }
  return { words, errors };
}

/** What a word may be completed to. */
export function completions(
  text: string,
  listed: Listed,
  names: Readonly<Record<string, readonly string[]>>,
): string[] {
  const [last = ""] = /\S*$/.exec(text) ?? [];
  const [name, value] = last.includes(":") ? last.split(":", 2) : [null, last];
  const head = text.slice(0, text.length - last.length);
  if (name === null) {
    return Object.keys(known[listed]).filter((each) => each.startsWith(value ?? "")).map((each) =>
      `${head}${each}:`
    );
  }
  const values = known[listed][name ?? ""]?.values ?? names[name ?? ""] ?? [];
  return values.filter((each) => each.startsWith(value ?? "")).map((each) =>
    `${head}${name}:${each}`
  );
}
