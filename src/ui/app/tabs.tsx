/** Tabs: one panel at a time, walked through by arrows. */
import type { ComponentChildren } from "preact";
import { setQuery, word } from "./place.ts";

/** Tabs; the address keeps which one. */
export function Tabs({ of }: { readonly of: Readonly<Record<string, () => ComponentChildren>> }) {
  const names = Object.keys(of);
  const wanted = (word("tab") ?? "").toLowerCase();
  const chosen = names.find((name) => name.toLowerCase() === wanted) ?? names[0] ?? "";
  const choose = (name: string) => {
    setQuery({ tab: name === names[0] ? null : name.toLowerCase() });
    // Below a chart it is out of sight.
    document.querySelector(".tabs")?.scrollIntoView({ block: "nearest" });
  };
  const walk = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const next = names[(names.indexOf(chosen) + step + names.length) % names.length];
    if (step === 0 || next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    choose(next);
    document.getElementById(`tab-${next}`)?.focus();
  };
  return (
    <section class="tabs">
      <div role="tablist" aria-label="More" onKeyDown={walk}>
        {names.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-selected={name === chosen}
            aria-controls="tab-panel"
            tabIndex={name === chosen ? 0 : -1}
            onClick={() => choose(name)}
          >
            {name}
          </button>
        ))}
      </div>
      <div role="tabpanel" id="tab-panel" aria-labelledby={`tab-${chosen}`}>{of[chosen]?.()}</div>
    </section>
  );
}
