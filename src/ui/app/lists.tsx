/** What pages of lists share: a table, and what is said where there is none. */
import type { ComponentChildren } from "preact";
import { Problem } from "./api.ts";
import { Icon } from "./icons.tsx";
import { Empty } from "./parts.tsx";

/** A table that scrolls by itself, so that the page does not. */
export function Table({ label, heads, look = "", children }: {
  readonly label: string;
  readonly heads: readonly string[];
  readonly look?: string;
  readonly children: ComponentChildren;
}) {
  return (
    <div class={`scroll ${look}`} tabIndex={0} role="group" aria-label={label}>
      <table>
        <thead>
          <tr>{heads.map((head) => <th key={head}>{head}</th>)}</tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** What went wrong while loading; what is already there stays. */
export function Failure(
  { error, retry }: { readonly error: Error | null; readonly retry?: () => void },
) {
  if (!error) return null;
  if (isMissing(error)) return null;
  return (
    <p class="failure" role="alert">
      <Icon name="warn" /> {error.message}{" "}
      {retry && <button type="button" class="plain" onClick={retry}>Try again</button>}
    </p>
  );
}

/** Whether the server has no such thing. */
export function isMissing(error: Error | null): boolean {
  return error instanceof Problem && (error.status === 404 || error.status === 405);
}

/** A part of the API that this server does not have. */
export function NotHere({ what, path }: { readonly what: string; readonly path: string }) {
  return (
    <Empty title={`${what} are not available on this server`}>
      <p class="soft">
        It does not answer <code>{path}</code>. A newer version of Perdura does;{" "}
        <a href="/docs">the API of this one</a> lists what it has.
      </p>
    </Empty>
  );
}
