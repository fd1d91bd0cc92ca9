/** What the doctor finds: how bad, what, and what to do about it. */
import type postgres from "postgres";
import type { Settings } from "../settings.ts";

/** `problem`: work is lost, late or refused by it. `warning`: it will be. */
export type Level = "ok" | "warning" | "problem";

/** One finding. */
export interface Finding {
  readonly check: string;
  readonly level: Level;
  readonly message: string;
  /** What to do; null of what is well. */
  readonly remedy: string | null;
}

/** What a check looks at. */
export interface Patient {
  readonly sql: postgres.Sql;
  readonly settings: Settings;
}

/** One thing to look at. Gives what is not as it should be; nothing: all is well. */
export interface Check {
  readonly name: string;
  /** What is said when nothing is found. */
  readonly well: string;
  readonly look: (patient: Patient) => Promise<readonly Omit<Finding, "check">[]>;
}

/** It is well, and people want to know how. */
export function fact(message: string): Omit<Finding, "check"> {
  return { level: "ok", message, remedy: null };
}

/** Something is wrong. */
export function problem(message: string, remedy: string): Omit<Finding, "check"> {
  return { level: "problem", message, remedy };
}

/** Something will be. */
export function warning(message: string, remedy: string): Omit<Finding, "check"> {
  return { level: "warning", message, remedy };
}
