/** Fork and rewind: go on from a step of the past, beside or in place of what became of it. */
import { type Signal, useSignal } from "@preact/signals";
import type { Actor } from "../../runtime/actor_view.ts";
import { queryOf, send, ui } from "./api.ts";
import { Dialog } from "./dialog.tsx";
import { go } from "./place.ts";
import { useAction } from "./parts.tsx";

interface BranchProps {
  readonly actor: Actor;
  readonly version: number;
  readonly path: string;
  readonly put: (actor: Actor) => void;
}

/** The dialog. */
export function BranchDialog(
  { actor, version, path, put, onClose }: BranchProps & { readonly onClose: () => void },
) {
  const name = useSignal("");
  const activities = useSignal("reuse");
  const timers = useSignal("restart");
  const { isBusy, run } = useAction();
  const choice = { at: version, activities: activities.value, timers: timers.value };
  const query = queryOf({ tenantId: actor.tenantId });
  const named = name.value ? { as: name.value } : {};
  const fork = async () => {
    const made = await send<Actor>(`${path}/fork${query}`, { ...choice, ...named });
    onClose();
    go(`${ui("actors", made.id)}${query}`);
  };
  const rewind = async () => {
    put(await send<Actor>(`${path}/rewind${query}`, choice, { version: actor.version }));
    onClose();
    go(`${ui("actors", actor.id)}${query}`);
  };
  return (
    <Dialog title={`Go on from step ${version}`} onClose={onClose}>
      <p class="soft">
        A fork is a new actor that starts where this one was; a rewind takes this one back, and what
        it has begun since is left.
      </p>
      <label>
        Name of the fork
        <input
          maxLength={200}
          placeholder="made up"
          value={name.value}
          onInput={(e) => name.value = e.currentTarget.value}
        />
      </label>
      <Choice
        legend="Work that was under way"
        value={activities}
        of={{ reuse: "take its known results", rerun: "do it again" }}
      />
      <Choice
        legend="Timers"
        value={timers}
        of={{ restart: "begin anew", keep: "stay due when they were" }}
      />
      <div class="buttons">
        <button type="button" onClick={onClose}>Close</button>
        <button
          type="button"
          class="grave"
          disabled={isBusy || version === actor.version}
          onClick={() => void run(rewind, `Back at step ${version}`)}
        >
          Rewind this one
        </button>
        <button
          type="button"
          class="strong"
          disabled={isBusy}
          onClick={() => void run(fork, "Forked")}
        >
          Fork
        </button>
      </div>
    </Dialog>
  );
}

function Choice({ legend, value, of }: {
  readonly legend: string;
  readonly value: Signal<string>;
  readonly of: Readonly<Record<string, string>>;
}) {
  return (
    <fieldset>
      <legend>{legend}</legend>
      {Object.entries(of).map(([name, words]) => (
        <label key={name} class="choice">
          <input
            type="radio"
            name={legend}
            checked={value.value === name}
            onChange={() => value.value = name}
          />
          {words}
        </label>
      ))}
    </fieldset>
  );
}
