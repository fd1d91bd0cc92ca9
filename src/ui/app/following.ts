/** The past of what a page is about, from its first moment on. */
import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo } from "preact/hooks";
import { call, follow, type Moved, queryOf, stepsOf } from "./api.ts";
import { Past } from "./past.ts";
import { place } from "./place.ts";

interface Followed<T> {
  readonly kind: keyof Moved;
  readonly id: string;
  readonly path: string;
  readonly tenantId: string | null;
  /** As it is known; null: it has not come yet. */
  readonly known: { readonly version: number; readonly tenantId: string } | null;
  readonly put: (newer: T) => void;
}

/**
 * Its past at the step that the address names; and what it is of is kept as it is. Null: it is not open
 * yet. Who shows what it is of without it has all of that drawn twice.
 */
export function usePast<T>({ kind, id, path, tenantId, known, put }: Followed<T>): Past | null {
  const past = useMemo(() => new Past(stepsOf(path, tenantId)), [path, tenantId]);
  const failed = useSignal<Past | null>(null);
  // Beside what it is of and not after it: only that says how many steps there are, but nobody asks.
  useLayoutEffect(() => {
    // What it is of says what is wrong.
    past.look(stepAsked()).catch(() => failed.value = past);
  }, [past]);
  const isThere = known !== null && (past.isOpen.value || failed.value === past);
  useLayoutEffect(() => {
    // A step may have come between what was asked for side by side; who jumps meanwhile is not called back.
    if (isThere) void (past.isOpen.peek() ? past.catchUp(known.version) : past.look(stepAsked()));
  }, [isThere, past]);
  useEffect(() => {
    if (!isThere) return;
    let asked = 0;
    const query = () => queryOf({ [kind]: id, after: past.latest.value, tenantId: known.tenantId });
    return follow<Moved>(query, {
      [kind]: ({ version }: Moved[typeof kind]) => {
        const mine = ++asked;
        const newer = call<T>(path + queryOf({ tenantId })).then((found) =>
          mine === asked && put(found)
        );
        return Promise.all([past.catchUp(version), newer]);
      },
    });
  }, [isThere, past]);
  return isThere ? past : null;
}

/** Null: the latest. */
function stepAsked(): number | null {
  const step = Math.trunc(Number(place.peek().searchParams.get("step")));
  return step >= 1 ? step : null;
}
