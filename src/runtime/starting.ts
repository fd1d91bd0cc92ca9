/**
 * What a start waits for, said aloud: a process that says nothing and does nothing cannot be told from
 * one that hangs.
 */
import { getLogger } from "@logtape/logtape";
import { systemClock } from "../core/clock.ts";

const log = getLogger(["perdura", "start"]);

/** What a start does before it serves. */
export type StartStep = "database" | "migrate" | "keys" | "retention" | "pages";

/** A wait shorter than this is not worth a line. */
const PATIENCE_MS = 3_000;

/** Tells more about what a step waits for; what it throws is told instead. */
export type Look = () => Promise<unknown>;

/** How a start says that it waits. */
export interface WaitOptions {
  /** Between two lines, milliseconds. */
  readonly patienceMs?: number;
  readonly look?: Look;
}

/** Does a step of a start; for as long as it lasts, a line every few seconds says so, and why. */
export async function during<Result>(
  step: StartStep,
  work: () => Promise<Result>,
  { patienceMs = PATIENCE_MS, look }: WaitOptions = {},
): Promise<Result> {
  const begunAt = systemClock.monotonic();
  let isLooking = false;
  const say = async () => {
    if (isLooking) return;
    isLooking = true;
    const waits = await look?.().catch((error) => ({ error })) ?? null;
    isLooking = false;
    const waitedMs = Math.round(systemClock.monotonic() - begunAt);
    log.warn("The start waits for {step}", { step, waitedMs, waits });
  };
  const timer = setInterval(() => void say(), patienceMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
