/** Every action, guard, invoke and delay of a chart, with the path where it stands. */
import type { AnyStateMachine } from "xstate";
import { copyConfig } from "./copy.ts";
import { isRecord } from "./envelope.ts";
import { isLogic } from "./sources.ts";

/** One piece as the author wrote it. */
export interface Piece {
  readonly kind: "action" | "guard" | "source" | "delay";
  readonly path: string;
  readonly value: unknown;
}

/** All pieces of a machine: of its configuration, and the built-in actions and guards it names. */
export function piecesOf(machine: AnyStateMachine): Piece[] {
  const pieces: Piece[] = [];
  const visit = (kind: Piece["kind"]) => (value: unknown, path: string) => {
    pieces.push({ kind, path, value });
    return value;
  };
  copyConfig(Object(machine.config), {
    action: visit("action"),
    guard: visit("guard"),
    source: visit("source"),
    mapper: (value) => value,
  });
  for (const [name, value] of Object.entries(machine.implementations.actions ?? {})) {
    visit("action")(value, `actions.${name}`);
  }
  delays(machine.config, "", visit("delay"));
  return pieces;
}

/** The keys of `after` that are names. */
function delays(
  config: unknown,
  path: string,
  found: (value: unknown, path: string) => void,
): void {
  if (!isRecord(config)) return;
  const prefix = path === "" ? "" : `${path}.`;
  for (const key of Object.keys(Object(config.after))) {
    if (Number.isNaN(Number(key))) found(key, `${prefix}after.${key}`);
  }
  for (const [key, state] of Object.entries(Object(config.states))) {
    delays(state, `${prefix}states.${key}`, found);
  }
}

/** What a built-in action is made of, as far as it can be seen without running it. */
export interface BuiltIn {
  readonly type: string;
  readonly delay?: string;
  readonly src?: string;
  readonly isInline: boolean;
  /** The type of the event it raises or sends, if that is no function. */
  readonly event?: string;
}

/** The built-in action of XState's that a piece is; undefined of any other. */
export function builtInOf(value: unknown): BuiltIn | undefined {
  if (typeof value !== "function" || !("type" in value)) return undefined;
  const { type, delay, src, event } = Object(value);
  const eventType: unknown = Object(event).type;
  return {
    type: String(type),
    isInline: isLogic(src),
    ...typeof delay === "string" && { delay },
    ...typeof src === "string" && { src },
    ...typeof eventType === "string" && { event: eventType },
  };
}

/** The name under which a piece is looked up; undefined of a function. */
export function namedPiece(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  const type: unknown = isRecord(value) ? value.type : undefined;
  return typeof type === "string" ? type : undefined;
}
