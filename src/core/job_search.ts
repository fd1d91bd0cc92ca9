/** Queries about jobs. */
import { JOB_STATES, type JobState } from "../../machines/job.ts";
import { type Field, readWords, type Word } from "./search.ts";
import { demandTenant, type Reading, termsOf, timeOf, wrong } from "./search_terms.ts";
import { type Term, TERM_FIELDS, type TermField } from "./term.ts";

/** The fields of the language, for whoever completes what is typed. */
export const JOB_FIELDS: readonly Field[] = [
  {
    ...{ name: "state", kind: "choice", values: JOB_STATES, isFlat: true },
    hint: "One or more, apart by commas; dead letters have an index of their own",
  },
  { name: "tenant", kind: "name", hint: "Whose jobs; only with a platform key", isFlat: true },
  { name: "id", kind: "name", hint: "The whole id", isFlat: true },
  { name: "type", kind: "name", hint: "email.send, or email.*", isFlat: false },
  { name: "queue", kind: "name", hint: "A queue's name", isFlat: false },
  { name: "tag", kind: "name", hint: "One of its tags", isFlat: false },
  { name: "key", kind: "name", hint: "Its idempotency key", isFlat: false },
  { name: "partition", kind: "name", hint: "Its partition key", isFlat: false },
  { name: "cloned", kind: "name", hint: "The id of the job it is a rerun of", isFlat: false },
  {
    name: "fingerprint",
    kind: "name",
    hint: "Which kind of error: see /dead-letters",
    isFlat: false,
  },
  { name: "error", kind: "text", hint: "Text in the last error's name or message", isFlat: false },
  { name: "attempt", kind: "number", hint: "attempt>=2", isFlat: false },
  { name: "crashes", kind: "number", hint: "crashes>0", isFlat: false },
  { name: "priority", kind: "number", hint: "priority<0", isFlat: false },
  { name: "version", kind: "number", hint: "version>10", isFlat: false },
  { name: "created", kind: "time", hint: "created>2026-01-01, or created>2h", isFlat: true },
  { name: "started", kind: "time", hint: "The start of its last attempt", isFlat: false },
  { name: "finished", kind: "time", hint: "finished>=2026-01-01T10:00:00Z", isFlat: false },
  { name: "due", kind: "time", hint: "due<2026-02-01", isFlat: false },
  { name: "payload", kind: "json", hint: "payload.to:bob@example.org", isFlat: false },
  { name: "output", kind: "json", hint: "output.status:200", isFlat: false },
  { name: "metadata", kind: "json", hint: "metadata.region:eu", isFlat: false },
  { name: "progress", kind: "json", hint: "progress.done>=10", isFlat: false },
];

/** What a query asks for; null: not about that. */
export interface JobQuery {
  readonly states: readonly JobState[] | null;
  /** Some word says which states, not only which not. */
  readonly areStatesNamed: boolean;
  readonly tenant: string | null;
  readonly type: string | null;
  readonly queue: string | null;
  readonly id: string | null;
  readonly fingerprint: string | null;
  /** Milliseconds since 1970, both ends possible: a bound for the ids, the terms say it exactly. */
  readonly createdFrom: number | null;
  readonly createdTo: number | null;
  readonly terms: readonly Term[];
}

/** What must not be asked about: an answer to a guess would tell what schemas hide. */
export interface Veil {
  /** The type of jobs that hides something there; null: none. */
  hides(field: "payload" | "output", path: readonly string[]): string | null;
  /** Types whose payloads bare text is not looked for in. */
  readonly types: readonly string[];
}

const NO_VEIL: Veil = { hides: () => null, types: [] };

/** Reads a query. @throws {QueryError} */
export function readJobQuery(query: string, now: number, veil: Veil = NO_VEIL): JobQuery {
  const reading = { query, now };
  const asked: Asked = {
    states: null,
    tenant: null,
    type: null,
    queue: null,
    id: null,
    fingerprint: null,
  };
  const terms: Term[] = [];
  const created: Bounds = { from: null, to: null };
  const words = readWords(query, JOB_FIELDS);
  for (const word of words) {
    const { name } = word.field ?? {};
    if (name === "state") asked.states = statesOf(word, reading, asked.states);
    else if (isExact(word) && isOnce(name) && asked[name] === null) {
      if (name === "tenant") demandTenant(word, reading);
      asked[name] = word.value;
    } else if (name === "tenant") throw wrong(word, reading, "One tenant, by its whole name");
    else terms.push(...termsOf(word, fieldOf(name), reading).map((term) => veiled(term, veil)));
    if (name === "payload" || name === "output") demandShown(name, word, reading, veil);
    if (name === "created" && !word.isNegated) bound(created, word, reading);
  }
  const areStatesNamed = words.some(({ field, isNegated }) =>
    field?.name === "state" && !isNegated
  );
  return { ...asked, areStatesNamed, createdFrom: created.from, createdTo: created.to, terms };
}

interface Bounds {
  from: number | null;
  to: number | null;
}

interface Asked {
  states: readonly JobState[] | null;
  tenant: string | null;
  type: string | null;
  queue: string | null;
  id: string | null;
  fingerprint: string | null;
}

const ONCE = ["tenant", "type", "queue", "id", "fingerprint"] as const;

/** What a statement asks by itself; a second one of a name is a term beside it. */
function isOnce(name: string | undefined): name is (typeof ONCE)[number] {
  return ONCE.some((once) => once === name);
}

function isExact({ operator, value, isQuoted, isNegated }: Word): boolean {
  return operator === ":" && !isNegated && (isQuoted || !value.includes("*"));
}

function fieldOf(name: string | undefined): TermField {
  return TERM_FIELDS.find((field) => field === name) ?? "text";
}

/** The path of bare text, which has none, names the types that are left out. */
function veiled(term: Term, { types }: Veil): Term {
  return term.field === "text" ? { ...term, path: types } : term;
}

function demandShown(
  field: "payload" | "output",
  word: Word,
  reading: Reading,
  veil: Veil,
): void {
  const type = veil.hides(field, word.path);
  if (type === null) return;
  throw wrong(word, reading, `Jobs of type "${type}" keep this secret: it cannot be asked for`);
}

function statesOf(
  word: Word,
  reading: Reading,
  before: readonly JobState[] | null,
): readonly JobState[] {
  if (word.operator !== ":") throw wrong(word, reading, '"state" takes : only');
  const named = word.value.split(",");
  const unknown = named.find((name) => !JOB_STATES.some((state) => state === name));
  if (unknown !== undefined) {
    throw wrong(
      word,
      reading,
      `There is no state "${unknown}"; there are ${JOB_STATES.join(", ")}`,
    );
  }
  const isTaken = (state: JobState) => named.includes(state) !== word.isNegated;
  return (before ?? JOB_STATES).filter(isTaken);
}

function bound(created: Bounds, word: Word, reading: Reading): void {
  const [from, to] = timeOf(word, reading);
  const { operator } = word;
  if (operator !== "<" && operator !== "<=") created.from = Math.max(created.from ?? 0, from);
  if (operator !== ">" && operator !== ">=") created.to = Math.min(created.to ?? Infinity, to);
}
