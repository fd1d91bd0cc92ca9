/** JSON as a tree; fetched when somebody opens one. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { json } from "./words.ts";

/** JSON as a folded tree: what is large is opened by hand. */
export function Tree({ value, name, open = true }: {
  readonly value: unknown;
  readonly name?: string;
  readonly open?: boolean;
}) {
  const label = name === undefined ? null : <span class="key">{name}</span>;
  if (typeof value !== "object" || value === null) {
    return (
      <div class="value">
        {label}
        <Scalar value={value} />
      </div>
    );
  }
  const entries = Object.entries(value);
  const about = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  if (entries.length === 0) {
    return (
      <div class="value">
        {label}
        <span class="soft">{Array.isArray(value) ? "[]" : "{}"}</span>
      </div>
    );
  }
  return (
    <Branch label={label} about={about} entries={entries} open={open && entries.length <= 50} />
  );
}

function Branch({ label, about, entries, open }: {
  readonly label: ComponentChildren;
  readonly about: string;
  readonly entries: readonly (readonly [string, unknown])[];
  readonly open: boolean;
}) {
  const shown = useSignal(open);
  const many = useSignal(100);
  return (
    <details
      class="branch"
      open={shown.value}
      onToggle={(e) => shown.value = e.currentTarget.open}
    >
      <summary>
        {label}
        <span class="soft">{about}</span>
      </summary>
      {shown.value &&
        entries.slice(0, many.value).map(([key, each]) => (
          <Tree key={key} name={key} value={each} open={false} />
        ))}
      {shown.value && entries.length > many.value && (
        <button
          type="button"
          class="plain"
          onClick={() => many.value += 500}
        >
          {entries.length - many.value} more
        </button>
      )}
    </details>
  );
}

const TEXT_MAX = 300;

function Scalar({ value }: { readonly value: unknown }) {
  const whole = useSignal(false);
  const text = typeof value === "string" ? json(value, 0) : String(value);
  const isLong = text.length > TEXT_MAX;
  return (
    <span class={`scalar ${value === null ? "null" : typeof value}`}>
      <bdi>{isLong && !whole.value ? `${text.slice(0, TEXT_MAX)}…` : text.slice(0, 100_000)}</bdi>
      {isLong && !whole.value && (
        <button
          type="button"
          class="plain"
          onClick={() => whole.value = true}
        >
          {text.length.toLocaleString("en")} characters
        </button>
      )}
    </span>
  );
}
