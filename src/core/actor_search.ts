/** Queries about actors. */
import { type Field, readWords } from "./search.ts";
import { demandTenant, type Reading, termsOf, wrong } from "./search_terms.ts";
import type { Term } from "./term.ts";

/** What a term about an actor may be about. */
export type ActorTermField =
  | "id"
  | "machine"
  | "status"
  | "state"
  | "tag"
  | "parent"
  | "version"
  | "created"
  | "updated"
  | "error"
  | "context"
  | "text";

const STATUSES = [
  "active",
  "done",
  "error",
  "stalled",
  "paused",
  "blocked",
  "cancelled",
  "terminated",
] as const;

/** The fields of the language, for whoever completes what is typed. */
export const ACTOR_FIELDS: readonly (Field & { readonly name: ActorTermField | "tenant" })[] = [
  { name: "tenant", kind: "name", hint: "Whose actors; only with a platform key", isFlat: true },
  { name: "id", kind: "name", hint: "The whole id, or order-*", isFlat: true },
  { name: "machine", kind: "name", hint: "The name of its machine", isFlat: false },
  {
    ...{ name: "status", kind: "choice", values: STATUSES, isFlat: false },
    hint: "The parameters machine, status and state together have an index",
  },
  { name: "state", kind: "name", hint: "a.b: in this state, or below it", isFlat: false },
  { name: "tag", kind: "name", hint: "One of its tags", isFlat: false },
  { name: "parent", kind: "name", hint: "The address of its parent", isFlat: false },
  { name: "version", kind: "number", hint: "version>100", isFlat: false },
  { name: "created", kind: "time", hint: "created>2026-01-01, or created>2h", isFlat: false },
  { name: "updated", kind: "time", hint: "updated<1d", isFlat: false },
  { name: "error", kind: "text", hint: "Text of why it is stalled or blocked", isFlat: false },
  { name: "context", kind: "json", hint: "context.customer:4711", isFlat: false },
];

/** What a query asks for; null: not about that. */
export interface ActorQuery {
  readonly tenant: string | null;
  readonly machine: string | null;
  readonly status: string | null;
  readonly id: string | null;
  readonly terms: readonly Term<ActorTermField>[];
}

/** Reads a query. @throws {QueryError} */
export function readActorQuery(query: string, now: number): ActorQuery {
  const reading: Reading = { query, now };
  const asked: { -readonly [Name in Exclude<keyof ActorQuery, "terms">]: ActorQuery[Name] } = {
    ...{ tenant: null, machine: null, status: null, id: null },
  };
  const terms: Term<ActorTermField>[] = [];
  for (const word of readWords(query, ACTOR_FIELDS)) {
    const field = ACTOR_FIELDS.find(({ name }) => name === word.field?.name)?.name ?? "text";
    const isWhole = word.operator === ":" && !word.isNegated &&
      (word.isQuoted || !word.value.includes("*"));
    if (field === "tenant") {
      if (!isWhole || asked.tenant !== null) {
        throw wrong(word, reading, "One tenant, by its whole name");
      }
      demandTenant(word, reading);
      asked.tenant = word.value;
    } else if (field === "status" && !STATUSES.some((status) => status === word.value)) {
      throw wrong(word, reading, `There are the statuses ${STATUSES.join(", ")}`);
    } else if (
      (field === "machine" || field === "status" || field === "id") && isWhole &&
      asked[field] === null
    ) {
      asked[field] = word.value;
    } else terms.push(...termsOf(word, field, reading));
  }
  return { ...asked, terms };
}
