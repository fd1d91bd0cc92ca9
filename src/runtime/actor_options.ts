/** What clients say of an actor, and what they are answered. */
import type { Actor } from "./actor_view.ts";

/** How to start an actor. */
export interface StartOptions {
  readonly machine: string;
  /** Default: a new one. */
  readonly id?: string | undefined;
  readonly input?: unknown;
  readonly tenantId?: string | undefined;
  /** Sent to it in the same commit. */
  readonly event?: unknown;
}

/** Which actor, in which version. */
export interface ActorAim {
  /** Null: of any tenant. */
  readonly tenantId?: string | null | undefined;
  /** Only if it has this version. */
  readonly expectVersion?: number | null | undefined;
  /** The version came by If-Match. */
  readonly conditional?: boolean;
}

/** How to send an event. */
export interface SendEventOptions extends ActorAim {
  /** Sent twice with the same key, it is the same event. */
  readonly key?: string | undefined;
  /** How long to wait for its turn where it cannot be made at once. Default 30,000. */
  readonly timeoutMs?: number | undefined;
}

/** What became of an event. */
export interface EventResult {
  readonly outcome: "handled" | "unhandled" | "deferred";
  readonly reason: string | null;
  readonly actor: Actor;
}

/** What to wait for: its end, a tag, or a state; as text, it is what `/wait?until=` takes. */
export type Until =
  | "done"
  | `tag:${string}`
  | `state:${string}`
  | { readonly tag: string }
  | { readonly state: string };

/** What such a text says. */
export function untilOf(
  text: string,
): "done" | { readonly tag: string } | { readonly state: string } {
  if (text === "done") return "done";
  const name = text.slice(text.indexOf(":") + 1);
  return text.startsWith("tag:") ? { tag: name } : { state: name };
}

/** How long to wait for an actor. */
export interface WaitForOptions {
  /** Default 30,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}
