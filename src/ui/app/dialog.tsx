/** Dialogs: the browser's own, so that focus is held, returned, and Escape closes. */
import type { ComponentChildren } from "preact";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { toast } from "./parts.tsx";

/** A dialog that is open as long as it is on the page. */
export function Dialog({ title, onClose, children }: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const opener = document.activeElement;
    ref.current?.showModal();
    return () => {
      // What was sent may have taken the button away that opened it.
      const back = opener?.isConnected ? opener : document.getElementById("main");
      if (back instanceof HTMLElement || back instanceof SVGElement) back.focus();
    };
  }, []);
  return (
    <dialog ref={ref} aria-label={title} onClose={onClose}>
      <h2>{title}</h2>
      {children}
    </dialog>
  );
}

/** Runs an action once at a time; its failure is said, not thrown. */
export function useAction(): {
  readonly isBusy: boolean;
  readonly run: (act: () => Promise<unknown>, done?: string) => Promise<boolean>;
} {
  const busy = useSignal(false);
  const run = async (act: () => Promise<unknown>, done?: string) => {
    if (busy.value) return false;
    busy.value = true;
    try {
      await act();
      if (done) toast(done);
      return true;
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error), true);
      return false;
    } finally {
      busy.value = false;
    }
  };
  return { isBusy: busy.value, run };
}

/** A button that asks once more before it acts. */
export function Confirm({ label, title, children, act, tone = "grave" }: {
  readonly label: string;
  readonly title: string;
  readonly children?: ComponentChildren;
  readonly act: () => Promise<unknown>;
  readonly tone?: string;
}) {
  const open = useSignal(false);
  const { isBusy, run } = useAction();
  return (
    <>
      <button type="button" class={tone} onClick={() => open.value = true}>{label}</button>
      {open.value && (
        <Dialog title={title} onClose={() => open.value = false}>
          {children}
          <div class="buttons">
            <button type="button" onClick={() => open.value = false}>Leave it</button>
            <button
              type="button"
              class={`${tone} strong`}
              disabled={isBusy}
              onClick={async () => await run(act) && (open.value = false)}
            >
              {label.replace("…", "")}
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}
