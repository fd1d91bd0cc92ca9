/** Says aloud what a live instance has come to, for those who do not see it. */
import { effect, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Past } from "./past.ts";
import { eventWords, spoken } from "./words.ts";

const PAUSE_MS = 2_000;

/** At most once in two seconds, and nothing while somebody looks at the past. */
export function Announcer({ past }: { readonly past: Past }) {
  const said = useSignal("");
  useEffect(() => {
    let told = 0;
    let pause: ReturnType<typeof setTimeout> | undefined;
    const tell = () => {
      pause = undefined;
      const step = past.wanted.peek() === null ? past.step.peek() : null;
      if (!step || step.version === told) return;
      // Where it stood when the page was opened is read with the page.
      if (told > 0) said.value = `${eventWords(step.event)}: now ${spoken(step.to)}`;
      told = step.version;
      pause = setTimeout(tell, PAUSE_MS);
    };
    const stop = effect(() => {
      if (past.wanted.value === null && past.step.value && pause === undefined) tell();
    });
    return () => {
      stop();
      clearTimeout(pause);
    };
  }, [past]);
  return <p class="skip" role="status" data-testid="said">{said.value}</p>;
}
