/** Names and values below each other. */
import type { ComponentChildren } from "preact";

/** A list of facts; those that are not there are left out. */
export function Facts({ of }: { readonly of: Readonly<Record<string, ComponentChildren>> }) {
  const shown = Object.entries(of).filter(([, value]) =>
    value !== null && value !== undefined && value !== ""
  );
  return (
    <dl>
      {shown.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
