/** The past of what a page is about, from its first moment on. */
import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
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
  const opening = useRef(Promise.resolve());
  const failed = useSignal<Past | null>(null);
  // Beside what it is of and not after it: only that says how many steps there are, but nobody asks.
  useLayoutEffect(() => {
    opening.current = past.look(stepAsked());
    // What it is of says what is wrong.
    opening.current.catch(() => failed.value = past);
  }, [past]);
  useEffect(() => {
    if (!known) return;
    past.latest.value = Math.max(known.version, past.latest.value);
    // Its last step may have come between what was asked for beside it and itself.
    void opening.current.catch(() => past.look(stepAsked()))
      .then(() => past.wanted.peek() === null ? past.look(null) : undefined);
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
  }, [known !== null, past]);
  return past.isOpen.value || failed.value === past ? past : null;
}

/** Null: the latest. */
function stepAsked(): number | null {
  const step = Math.trunc(Number(place.peek().searchParams.get("step")));
  return step >= 1 ? step : null;
}
