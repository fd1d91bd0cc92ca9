/** What stands around every page: the way to the others, whether it is live, and the look. */
import { signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { Dialog } from "./dialog.tsx";
import { Icon, type IconName } from "./icons.tsx";
import { liveness } from "./live.ts";
import { Toast, toast, useKeys } from "./parts.tsx";
import { go, partsOf, place } from "./place.ts";
import { call } from "./api.ts";
import { loadSession, session } from "./session.ts";

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
  const [page] = partsOf(place.value);
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
        <nav aria-label="Pages">
          {PAGES.map(([to, icon, name]) => (
            <a key={to} href={`/ui/${to}`} aria-current={to === here ? "page" : undefined}>
              <Icon name={icon} />
              <span>{name}</span>
            </a>
          ))}
        </nav>
        <div class="foot">
          <Liveness />
          <button
            type="button"
            class="tool"
            aria-label="Light or dark"
            title="Light or dark"
            onClick={nextTheme}
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
              onClick={() => void signOut()}
            >
              <Icon name="out" />
            </button>
          )}
        </div>
      </header>
      <main id="main" tabIndex={-1}>{children}</main>
      <Toast />
      {help.value && <Help onClose={() => help.value = false} />}
    </>
  );
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
  const words = {
    still: "",
    connecting: "connecting",
    live: "live",
    behind: "behind, catching up",
  }[liveness.value];
  return (
    <span class={`liveness ${liveness.value}`} id="live" role="status" title={words}>{words}</span>
  );
}

const themes = ["", "light", "dark"];
const theme = signal(localStorage.getItem("perdura-theme") ?? "");
document.documentElement.dataset.theme = theme.value;

function nextTheme(): void {
  theme.value = themes[(themes.indexOf(theme.value) + 1) % themes.length] ?? "";
  document.documentElement.dataset.theme = theme.value;
  localStorage.setItem("perdura-theme", theme.value);
  toast(theme.value === "" ? "As the system has it" : theme.value === "dark" ? "Dark" : "Light");
}

async function signOut(): Promise<void> {
  await call("/ui/session", { method: "DELETE" }).catch(() => {});
  await loadSession();
  go("/ui/sign-in");
}

function Help({ onClose }: { readonly onClose: () => void }) {
  const rows = [
    [
      "g then " + PAGES.map(([, , , key]) => key).join(" "),
      `go to ${PAGES.map(([, , name]) => name.toLowerCase()).join(", ")}`,
    ],
    ["← →, j k, [ ]", "a step back, a step on"],
    ["Home End", "first and latest step"],
    ["Page ↑ Page ↓", "failure before and after"],
    ["l", "live"],
    ["f a t", "chart: fit, focus what is active, as text"],
    ["e", "send an event"],
    ["/", "query"],
    ["arrows in the chart", "out, in, and along; Enter chooses"],
  ] as const;
  return (
    <Dialog title="Keys" onClose={onClose}>
      <table class="keys">
        <tbody>
          {rows.map(([keys, what]) => (
            <tr key={keys}>
              <th scope="row">
                <kbd>{keys}</kbd>
              </th>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <div class="buttons">
        <button type="button" class="strong" onClick={onClose}>Close</button>
      </div>
    </Dialog>
  );
}
