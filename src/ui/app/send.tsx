/** The send dialog: an event, its payload, what it would do, and then do it. */
import { type Signal, useSignal } from "@preact/signals";
import { at, queryOf, send } from "./api.ts";
import { Dialog } from "./dialog.tsx";
import { Diff, diffOf } from "./diff.tsx";
import { Facts } from "./facts.tsx";
import { Icon } from "./icons.tsx";
import type { Change } from "./lit.ts";
import { toast } from "./parts.tsx";
import { eventWords } from "./words.ts";
import type { Actor } from "../../runtime/actor_view.ts";

/** What the API foresees of an event. */
interface Foresight {
  readonly outcome: string;
  readonly reason: string | null;
  readonly from: unknown;
  readonly to: unknown;
  readonly status: string;
  readonly candidates: readonly {
    readonly source: string;
    readonly guard?: string;
    readonly passes?: boolean | null;
    readonly targets?: readonly string[];
  }[];
  readonly taken: readonly { readonly source: string; readonly targets?: readonly string[] }[];
  readonly actions: readonly string[];
  readonly effects: readonly { readonly kind: string }[];
  readonly contextPatch: readonly Change[];
}

interface SendProps {
  readonly actor: Actor;
  readonly event: string;
  readonly onClose: () => void;
  readonly onSent: (actor: Actor) => void;
}

/** The dialog. */
export function SendDialog({ actor, event, onClose, onSent }: SendProps) {
  const type = useSignal(event);
  const payload = useSignal("{}");
  const { seen, refusal, isBusy, forget, check, fire } = useSending(actor, type, payload);
  const submit = async () => {
    const answer = await fire();
    if (!answer) return;
    const words = `${type.value}: ${answer.outcome}${answer.reason ? `, ${answer.reason}` : ""}`;
    toast(words, answer.outcome === "unhandled");
    onSent(answer.actor);
    onClose();
  };
  return (
    <Dialog title="Send an event" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <label>
          Event
          <input
            list="accepted"
            required
            maxLength={200}
            value={type.value}
            onInput={(e) => (type.value = e.currentTarget.value, forget())}
          />
        </label>
        <datalist id="accepted">
          {actor.accepts.map((each) => <option key={each} value={each} />)}
        </datalist>
        <label>
          Payload, JSON
          <textarea
            rows={5}
            spellcheck={false}
            value={payload.value}
            onInput={(e) => (payload.value = e.currentTarget.value, forget())}
          />
        </label>
        {refusal && (
          <p class="failure" role="alert">
            <Icon name="warn" /> {refusal}
          </p>
        )}
        {seen && <Foreseen seen={seen} context={actor.context} />}
        <div class="buttons">
          <button type="button" onClick={onClose}>Close</button>
          <button type="button" onClick={() => void check()} disabled={isBusy}>Check</button>
          <button type="submit" class="strong" disabled={isBusy}>Send</button>
        </div>
      </form>
    </Dialog>
  );
}

/** The two ways to the API: look what would happen, and make it happen. */
function useSending(actor: Actor, type: Signal<string>, payload: Signal<string>) {
  const seen = useSignal<Foresight | null>(null);
  const refusal = useSignal<string | null>(null);
  const busy = useSignal(false);
  const post = async (dryRun: string | null) => {
    if (busy.value) return null;
    busy.value = true;
    refusal.value = null;
    seen.value = null;
    const query = queryOf({ dryRun, tenantId: actor.tenantId });
    try {
      const body = { ...bodyOf(payload.value), type: type.value };
      const path = `${at("actors", actor.id, "events")}${query}`;
      return await send<Foresight & { readonly actor: Actor }>(path, body, actor);
    } catch (error) {
      refusal.value = error instanceof Error ? error.message : String(error);
      return null;
    } finally {
      busy.value = false;
    }
  };
  return {
    seen: seen.value,
    refusal: refusal.value,
    isBusy: busy.value,
    forget: () => seen.value = null,
    check: async () => seen.value = await post("true"),
    fire: () => post(null),
  };
}

function Foreseen({ seen, context }: { readonly seen: Foresight; readonly context: unknown }) {
  const isGood = seen.outcome === "handled";
  const guards = seen.candidates.filter(({ guard }) => guard);
  return (
    <div class="foreseen" role="status">
      <p>
        <Icon name={isGood ? "check" : "cross"} />{" "}
        <b>{isGood ? "Would be handled" : `Would be ${seen.outcome}`}</b>
        {seen.reason && `: ${seen.reason}`}
      </p>
      <Facts
        of={{
          "Guards": guards.length > 0
            ? guards.map(({ source, guard, passes }) => (
              <div key={`${source}${guard}`}>
                {passes ? "✓" : passes === false ? "✕" : "·"} {guard}
              </div>
            ))
            : null,
          "State": isGood
            ? (
              <>
                <bdi>{valueText(seen.from)}</bdi> → <bdi>{valueText(seen.to)}</bdi>
              </>
            )
            : null,
          "Actions": seen.actions.join(", "),
          "Effects": [...new Set(seen.effects.map(({ kind }) => eventWords(kind)))].join(", "),
        }}
      />
      {isGood && <Diff lines={diffOf(context, seen.contextPatch)} />}
    </div>
  );
}

/** XState's value as dotted text. */
function valueText(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  return Object.entries(value).map(([key, below]) => {
    const rest = valueText(below);
    return rest === "{}" || rest === ""
      ? key
      : rest.split(", ").map((each) => `${key}.${each}`).join(", ");
  }).join(", ");
}

function bodyOf(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text.trim() === "" ? "{}" : text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error('The payload has to be a JSON object, like {"by": "ada"}');
  }
  return Object.fromEntries(Object.entries(value));
}
