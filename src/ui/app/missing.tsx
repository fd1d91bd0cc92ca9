/** What is not there: said with what comes nearest. */
import { Problem } from "./api.ts";
import { Empty } from "./parts.tsx";

/** A thing that could not be shown. */
export function Missing({ error, what, id, retry, near = [] }: {
  readonly error: Error;
  readonly what: string;
  readonly id: string;
  readonly retry: () => void;
  readonly near?: readonly { readonly href: string; readonly text: string }[];
}) {
  const status = error instanceof Problem ? error.status : 0;
  const isUnknown = status === 404 || status === 400;
  return (
    <Empty
      isPage
      title={isUnknown
        ? `There is no ${what} “${id.length > 80 ? `${id.slice(0, 80)}…` : id}”`
        : "This could not be loaded"}
    >
      {isUnknown
        ? (
          <p class="soft">
            It may have been deleted, belong to another tenant, or be past its retention. Look for
            it in <a href={`/ui/${what}s`}>all {what}s</a>.
          </p>
        )
        : (
          <p class="soft">
            {error.message} <button type="button" onClick={retry}>Try again</button>
          </p>
        )}
      {near.length > 0 && (
        <p>
          Perhaps you mean {near.map(({ href, text }, i) => (
            <span key={href}>
              {i > 0 && ", "}
              <a href={href}>
                <bdi>{text}</bdi>
              </a>
            </span>
          ))}?
        </p>
      )}
    </Empty>
  );
}
