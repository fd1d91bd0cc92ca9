/** What the buttons at the end of the bar do; fetched when one is pressed. */
import { call, loadSession } from "./api.ts";
import { toast } from "./parts.tsx";
import { go } from "./place.ts";

const themes = ["", "light", "dark"];

/** As the system has it, light, dark. */
export function nextTheme(): void {
  const { dataset } = document.documentElement;
  const next = themes[(themes.indexOf(dataset.theme ?? "") + 1) % themes.length] ?? "";
  dataset.theme = next;
  localStorage.setItem("perdura-theme", next);
  toast(next === "" ? "As the system has it" : next === "dark" ? "Dark" : "Light");
}

/** Ends the session. */
export async function signOut(): Promise<void> {
  await call("/ui/session", { method: "DELETE" }).catch(() => {});
  await loadSession();
  go("/ui/sign-in");
}
