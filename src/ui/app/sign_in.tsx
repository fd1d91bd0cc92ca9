/** Sign in: a key for a session that this page cannot read. */
import { useSignal } from "@preact/signals";
import { send, session } from "./api.ts";
import { Empty, useAction, useTitle } from "./parts.tsx";
import { word } from "./place.ts";

/** `/ui/sign-in?next=`. */
export function SignInPage() {
  useTitle("Sign in");
  const key = useSignal("");
  const { isBusy, run } = useAction();
  if (session.value?.auth === "none") {
    return (
      <Empty isPage title="Nobody signs in here">
        <p class="soft">
          This server runs without keys. <a href="/ui/">To the overview</a>
        </p>
      </Empty>
    );
  }
  const submit = () =>
    run(async () => {
      await send("/ui/session", { key: key.value.trim() });
      // A document of its own: this one may still hold refusals that it has asked for early.
      location.assign(nextOf(word("next")));
    });
  return (
    <form
      class="signin panel"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <h1>Sign in</h1>
      <label>
        API key<input
          type="password"
          autocomplete="current-password"
          required
          maxLength={4096}
          placeholder="perdura_…"
          value={key.value}
          onInput={(e) => key.value = e.currentTarget.value}
        />
      </label>
      <p class="soft">
        It is exchanged for a session of this browser, and not kept. Keys are made by{" "}
        <code>main.ts keys create</code>.
      </p>
      <div class="buttons">
        <button type="submit" class="strong" disabled={isBusy}>Sign in</button>
      </div>
    </form>
  );
}

/** Only to pages of ours. */
function nextOf(next: string | null): string {
  return next !== null && /^\/ui\/(?!sign-in)[^\\]*$/.test(next) && !next.startsWith("//")
    ? next
    : "/ui/";
}
