/** Pages that are fetched when they are first asked for. */
import { signal } from "@preact/signals";
import type { FunctionComponent } from "preact";
import { useEffect } from "preact/hooks";
import { Empty } from "./parts.tsx";

/** A component of a module that is not there yet. */
export function lazy<Module, Props extends object>(
  load: () => Promise<Module>,
  pick: (module: Module) => FunctionComponent<Props>,
): FunctionComponent<Props> {
  const found = signal<FunctionComponent<Props> | null>(null);
  const failed = signal(false);
  return (props) => {
    useEffect(() => {
      if (found.value) return;
      load().then((module) => found.value = pick(module)).catch(() => failed.value = true);
    }, []);
    const Found = found.value;
    if (Found) return <Found {...props} />;
    if (!failed.value) return <div class="loading" aria-busy="true" />;
    return (
      <Empty isPage title="This page could not be fetched">
        <p class="soft">
          The server may be a newer one: <a href={location.href} target="_self">load it again</a>.
        </p>
      </Empty>
    );
  };
}
