/** Where an actor comes from and what it has begun; fetched when it is looked at. */
import type { Actor } from "../../runtime/actor_view.ts";
import { rootAddress } from "../../core/actor/address.ts";
import { queryOf, ui } from "./api.ts";
import { Facts } from "./facts.tsx";
import { Pill } from "./parts.tsx";

/** The API lists no more of them. */
const CHILDREN_MAX = 100;

interface Child {
  readonly id: string;
  readonly machine: string;
  readonly status: string;
}

/** Where it comes from and what it has begun. */
export function Related({ actor }: { readonly actor: Actor }) {
  const children: readonly Child[] = Array.isArray(actor.children) ? actor.children : [];
  const origin = originOf(actor.forkedFrom);
  return (
    <Facts
      of={{
        "Parent": actor.parentId
          ? (
            <a href={ui("actors", actor.parentId)}>
              <bdi>{actor.parentId}</bdi>
            </a>
          )
          : "none",
        "Forked from": origin
          ? (
            <a href={`${ui("actors", origin.actor)}?step=${origin.version}`}>
              <bdi>{origin.actor}</bdi> at step {origin.version}
            </a>
          )
          : null,
        "Children": children.length === 0 ? "none" : (
          <>
            {children.map(({ id, machine, status }) => (
              <div key={id}>
                <a href={ui("actors", id)}>
                  <bdi>{id}</bdi>
                </a>{" "}
                <span class="soft">{machine}</span> <Pill state={status} />
              </div>
            ))}
            {children.length >= CHILDREN_MAX && (
              <p class="soft">These are the first {CHILDREN_MAX}; there may be more.</p>
            )}
          </>
        ),
        "Its jobs": (
          <a key="jobs" href={`/ui/jobs${queryOf({ q: jobsOf(actor) })}`}>
            look them up
          </a>
        ),
      }}
    />
  );
}

/** A search for its jobs, which bear its address: those of a batch are of any type. */
function jobsOf({ id, parentId, machine }: Actor): string {
  const address = JSON.stringify(parentId === null ? rootAddress(id) : id);
  return machine === "perdura.batch"
    ? `metadata.batch:${address}`
    : `type:${machine}/* metadata.actor:${address}`;
}

/** Where it was forked from; null: nowhere. */
function originOf(value: unknown): { readonly actor: string; readonly version: number } | null {
  if (typeof value !== "object" || value === null) return null;
  const { actor, version } = Object.fromEntries(Object.entries(value));
  return { actor: String(actor), version: Number(version) };
}
