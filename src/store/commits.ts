/**
 * The commit of decisions: batches that share no fate, and answers that were lost on the way.
 *
 * A row that PostgreSQL refuses for good is found by halving the batch, and only it is refused. A
 * row that was not moved is looked up: the runner's own earlier commit, whose answer was lost, is
 * no refusal.
 */
import { UnknownResultError } from "../core/errors.ts";
import { eventCode } from "../core/codes.ts";
import * as sql from "../../sql/mod.ts";
import {
  areInPlace,
  changeKey,
  type CommitOptions,
  commitStatement,
  kindOf,
  orderedChanges,
} from "./changes.ts";
import type { Database } from "./database.ts";
import { RefusedError } from "./failures.ts";
import { column, quoted } from "./literal.ts";
import { type Fate, field, toFate, toId } from "./rows.ts";
import type { Change, Refusal } from "./store.ts";

const UNKNOWN_TRIES = 3;

/** Commits a batch; see `WorkStore.commit`. */
export async function commitChanges(
  db: Database,
  options: CommitOptions,
  changes: readonly Change[],
): Promise<Refusal[]> {
  const ordered = orderedChanges(changes);
  const [first] = ordered;
  const kind = first && kindOf(first);
  if (ordered.every((change) => kindOf(change) === kind)) {
    return await commitOfAKind(db, options, ordered);
  }
  const ofKind = (kind: ReturnType<typeof kindOf>) => {
    return commitOfAKind(db, options, ordered.filter((change) => kindOf(change) === kind));
  };
  return [
    ...await ofKind("success"),
    ...await ofKind("limited_success"),
    ...await ofKind("other"),
  ];
}

/**
 * Commits changes of one kind.
 *
 * @param hasMoved Their rows are not where they were after their claims.
 * @param inDoubt They may have been committed by a statement whose answer was lost.
 */
async function commitOfAKind(
  db: Database,
  options: CommitOptions,
  ordered: readonly Change[],
  { hasMoved, inDoubt } = { hasMoved: !areInPlace(ordered), inDoubt: false },
): Promise<Refusal[]> {
  if (ordered.length === 0) return [];
  let unmoved: readonly Change[] = [];
  const { text, parameters } = commitStatement(options, ordered, hasMoved);
  for (let tries = 1;; tries++) {
    try {
      const rows = await db.query(text, parameters);
      if (rows.length === 0) return [];
      const left = new Set(rows.map((row) => changeKey(field<string>(row, "t"), toId(row))));
      unmoved = ordered.filter((c) => left.has(changeKey(c.tenantId, c.id)));
      if (hasMoved) return await refusalsOf(db, options, unmoved, inDoubt);
      break;
    } catch (error) {
      if (error instanceof RefusedError) return await halve(db, options, ordered, error);
      if (!(error instanceof UnknownResultError) || tries === UNKNOWN_TRIES) throw error;
      inDoubt = true;
    }
  }
  // A job that has told of its progress is elsewhere.
  return await commitOfAKind(db, options, unmoved, { hasMoved: true, inDoubt });
}

/** Bisects a refused batch down to the row that PostgreSQL will not take. */
async function halve(
  db: Database,
  options: CommitOptions,
  changes: readonly Change[],
  error: RefusedError,
): Promise<Refusal[]> {
  const [only, ...others] = changes;
  if (only && others.length === 0) {
    return [{ change: only, reason: "refused", message: `${error.sqlState}: ${error.message}` }];
  }
  const middle = changes.length >> 1;
  const first = await commitOfAKind(db, options, changes.slice(0, middle));
  return [...first, ...await commitOfAKind(db, options, changes.slice(middle))];
}

async function refusalsOf(
  db: Database,
  options: CommitOptions,
  unmoved: readonly Change[],
  inDoubt: boolean,
): Promise<Refusal[]> {
  if (unmoved.length === 0) return [];
  const rows = await db.query(sql.fate, [
    column(unmoved, (c) => quoted(c.tenantId)),
    column(unmoved, (c) => c.id),
    column(unmoved, (c) => c.version),
    eventCode("SUCCEED"),
  ]);
  const fates = new Map(rows.map(toFate).map((fate) => [changeKey(fate.t, fate.i), fate]));
  return unmoved.flatMap((change): Refusal[] => {
    const fate = fates.get(changeKey(change.tenantId, change.id));
    if (fate && isOwn(change, fate, options.worker, inDoubt)) return [];
    return [{ change, reason: reasonOf(change, fate), message: null }];
  });
}

/**
 * Whether the next version is this caller's own commit. Only the runner of a version writes the
 * next one under its own name; requests have no name, or that of a worker outside, which any number of
 * them may bear, so theirs count only after a lost answer.
 */
function isOwn(change: Change, fate: Fate, worker: string | null, inDoubt: boolean): boolean {
  if (fate.e === null || fate.w !== worker) return false;
  if (worker !== null && !change.isOneOfMany) return true;
  return inDoubt && fate.e === eventCode(change.decision.event);
}

function reasonOf(change: Change, fate: Fate | undefined): "cancel" | "lost" {
  const unknowing = change.cancelKnown === false && fate?.cs === true;
  return unknowing && fate.v === change.version ? "cancel" : "lost";
}
