/** Asks whether an actor is to end. */
import { Question } from "./dialog.tsx";

/** `act` cancels it. */
export function CancelDialog({ act, onClose }: {
  readonly act: () => Promise<unknown>;
  readonly onClose: () => void;
}) {
  return (
    <Question label="Cancel" title="Cancel this actor?" act={act} onClose={onClose}>
      <p>
        Its machine gets the event{" "}
        <code>CANCEL</code>; one that does not know it is stopped, with all it has begun.
      </p>
    </Question>
  );
}
