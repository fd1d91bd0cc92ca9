/** Dialogs: the browser's own, so that focus is held, returned, and Escape closes. */
import type { ComponentChildren } from "preact";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { useAction } from "./parts.tsx";

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

interface QuestionProps {
  /** What the button says that does it. */
  readonly label: string;
  readonly title: string;
  readonly children?: ComponentChildren;
  readonly act: () => Promise<unknown>;
  readonly tone?: string;
  readonly onClose: () => void;
}

/** Asks once more before something is done. */
export function Question(
  { label, title, children, act, tone = "grave", onClose }: QuestionProps,
) {
  const { isBusy, run } = useAction();
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      <div class="buttons">
        <button type="button" onClick={onClose}>Leave it</button>
        <button
          type="button"
          class={`${tone} strong`}
          disabled={isBusy}
          onClick={async () => await run(act) && onClose()}
        >
          {label}
        </button>
      </div>
    </Dialog>
  );
}

/** A button that asks once more before it acts. */
export function Confirm({ label, ...asked }: Omit<QuestionProps, "onClose">) {
  const open = useSignal(false);
  return (
    <>
      <button type="button" class={asked.tone ?? "grave"} onClick={() => open.value = true}>
        {label}
      </button>
      {open.value && (
        <Question
          {...asked}
          label={label.replace("…", "")}
          onClose={() => open.value = false}
        />
      )}
    </>
  );
}
