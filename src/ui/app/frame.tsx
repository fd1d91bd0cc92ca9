/** What stands around every page: the way to the others, whether it is live, and the look. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon, type IconName } from "./icons.tsx";
import { lazy, Toast, useKeys } from "./parts.tsx";
import { go, partsOf, pathname } from "./place.ts";
import { liveness, session } from "./api.ts";

const Help = lazy(() => import("./help.tsx"), (module) => module.Help);

const PAGES: readonly (readonly [page: string, icon: IconName, name: string, key: string])[] = [
  ["", "overview", "Overview", "o"],
  ["machines", "machines", "Machines", "m"],
  ["jobs", "instances", "Instances", "i"],
  ["dead-letters", "dead", "Dead letters", "d"],
  ["queues", "queues", "Queues", "q"],
  ["schedules", "schedules", "Schedules", "s"],
  ["workers", "workers", "Workers", "w"],
  ["metrics", "metrics", "Metrics", "c"],
  ["operations", "operations", "Operations", "p"],
];

/** The frame. */
export function Frame({ children }: { readonly children: ComponentChildren }) {
  const [page] = partsOf(pathname.value);
  const here = page === "actors" ? "jobs" : page;
  const help = useSignal(false);
  const waits = useSignal(false);
  const jumps = Object.fromEntries(PAGES.map(([to, , , key]) => [key, () => {
    waits.value = false;
    go(`/ui/${to}`);
  }]));
  useKeys({
    "?": () => help.value = true,
    g: () => {
      waits.value = true;
      setTimeout(() => waits.value = false, 1_500);
    },
    ...waits.value ? jumps : {},
  });
  return (
    <>
      <a class="skip" href="#main">Skip to content</a>
      <header class="bar">
        <a class="brand" href="/ui/">
          <Mark />Perdura
        </a>
        <Ways here={here} />
        <div class="foot">
          <Liveness />
          <button
            type="button"
            class="tool"
            aria-label="Light or dark"
            title="Light or dark"
            onClick={() => press("nextTheme")}
          >
            <Icon name="theme" />
          </button>
          <a class="tool" href="/docs" title="The API" aria-label="The API">
            <Icon name="api" />
          </a>
          {session.value?.auth === "keys" && session.value.name !== null && (
            <button
              type="button"
              class="tool"
              aria-label="Sign out"
              title={`Sign out ${session.value.name}`}
              onClick={() => press("signOut")}
            >
              <Icon name="out" />
            </button>
          )}
        </div>
      </header>
      <main id="main" tabIndex={-1}>{children}</main>
      <Toast />
      {help.value && <Help pages={PAGES} onClose={() => help.value = false} />}
    </>
  );
}

function Ways({ here }: { readonly here: string }) {
  const nav = useRef<HTMLElement>(null);
  // Where it is narrow it scrolls: where one is must be in sight.
  useEffect(() => {
    const { offsetLeft = 0, offsetWidth = 0 } =
      nav.current?.querySelector<HTMLElement>("[aria-current]") ?? {};
    nav.current?.scrollTo(offsetLeft - (nav.current.clientWidth - offsetWidth) / 2, 0);
  }, [here]);
  return (
    <nav aria-label="Pages" ref={nav}>
      {PAGES.map(([to, icon, name]) => (
        <a key={to} href={`/ui/${to}`} aria-current={to === here ? "page" : undefined}>
          <Icon name={icon} />
          <span>{name}</span>
        </a>
      ))}
    </nav>
  );
}

function press(what: "nextTheme" | "signOut"): void {
  import("./foot.ts").then((foot) => foot[what](), () => location.reload());
}

/** A state within a state. */
function Mark() {
  return (
    <svg class="mark" viewBox="0 0 20 20" aria-hidden="true">
      <rect x="1.5" y="1.5" width="17" height="17" rx="5" />
      <circle cx="10" cy="10" r="3.6" />
    </svg>
  );
}

function Liveness() {
  const how = liveness.value;
  const words = how === "behind" ? "behind, catching up" : how === "still" ? "" : how;
  return <span class={`liveness ${how}`} id="live" role="status" title={words}>{words}</span>;
}

document.documentElement.dataset.theme = localStorage.getItem("perdura-theme") ?? "";
