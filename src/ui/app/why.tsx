/** Why an instance is where it is, as the server explains it. */
import { call } from "./api.ts";
import { Countdown, Panel, useLoad } from "./parts.tsx";

interface Reason {
  readonly code: string;
  readonly message: string;
  readonly until: string | null;
}

/** The reasons; nothing where there are none. */
export function Why({ path, version }: { readonly path: string; readonly version: number }) {
  const { data } = useLoad(
    (signal) => call<{ reasons: Reason[] }>(`${path}/explain`, { signal }),
    [path],
    0,
    [version],
  );
  if (!data || data.reasons.length === 0) return null;
  return (
    <Panel title="Why it is here" name="why">
      <ul class="rows">
        {data.reasons.map(({ code, message, until }) => (
          <li key={code + message} data-reason={code}>
            <span class="grow">{message}</span>
            {until && <Countdown at={until} />}
          </li>
        ))}
      </ul>
    </Panel>
  );
}
