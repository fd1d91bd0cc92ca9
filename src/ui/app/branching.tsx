/** Fork and rewind: go on from a step of the past, beside or in place of what became of it. */
import { useSignal } from "@preact/signals";
import type { Actor } from "../../runtime/actor_view.ts";
import { queryOf, send, ui } from "./api.ts";
import { Dialog, useAction } from "./dialog.tsx";
import { go } from "./place.ts";

interface BranchProps {
  readonly actor: Actor;
  readonly version: number;
  readonly path: string;
  readonly put: (actor: Actor) => void;
}

/** The button and its dialog. */
export function Branching({ actor, version, path, put }: BranchProps) {
  const open = useSignal(false);
  const name = useSignal("");
  const activities = useSignal<"reuse" | "rerun">("reuse");
  const timers = useSignal<"restart" | "keep">("restart");
  const { isBusy, run } = useAction();
  const choice = { at: version, activities: activities.value, timers: timers.value };
  const query = queryOf({ tenantId: actor.tenantId });
  const fork = () =>
    run(async () => {
      const made = await send<Actor>(`${path}/fork${query}`, {
        ...choice,
        ...name.value ? { as: name.value } : {},
      });
      open.value = false;
      go(`${ui("actors", made.id)}${query}`);
    }, "Forked");
  const rewind = () =>
    run(async () => {
      put(await send<Actor>(`${path}/rewind${query}`, choice, { version: actor.version }));
      open.value = false;
      go(`${ui("actors", actor.id)}${query}`);
    }, `Back at step ${version}`);
  return (
    <>
      <button type="button" onClick={() => open.value = true}>Fork, rewind…</button>
      {open.value && (
        <Dialog
          title={`Go on from step ${version}`}
          onClose={() => open.value = false}
        >
          <p class="soft">
            A fork is a new actor that starts where this one was; a rewind takes this one back, and
            what it has begun since is left.
          </p>
          <label>
            Name of the fork<input
              maxLength={200}
              placeholder="made up"
              value={name.value}
              onInput={(e) => name.value = e.currentTarget.value}
            />
          </label>
          <fieldset>
            <legend>Work that was under way</legend>
            <label class="choice">
              <input
                type="radio"
                name="activities"
                checked={activities.value === "reuse"}
                onChange={() => activities.value = "reuse"}
              />take its known results
            </label>
            <label class="choice">
              <input
                type="radio"
                name="activities"
                checked={activities.value === "rerun"}
                onChange={() => activities.value = "rerun"}
              />do it again
            </label>
          </fieldset>
          <fieldset>
            <legend>Timers</legend>
            <label class="choice">
              <input
                type="radio"
                name="timers"
                checked={timers.value === "restart"}
                onChange={() => timers.value = "restart"}
              />begin anew
            </label>
            <label class="choice">
              <input
                type="radio"
                name="timers"
                checked={timers.value === "keep"}
                onChange={() => timers.value = "keep"}
              />stay due when they were
            </label>
          </fieldset>
          <div class="buttons">
            <button type="button" onClick={() => open.value = false}>Close</button>
            <button
              type="button"
              class="grave"
              disabled={isBusy || version === actor.version}
              onClick={() => void rewind()}
            >
              Rewind this one
            </button>
            <button type="button" class="strong" disabled={isBusy} onClick={() => void fork()}>
              Fork
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}
