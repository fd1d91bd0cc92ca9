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
type Look = () => Promise<unknown>;

/** Does a step of a start; for as long as it lasts, a line every few seconds says so, and why. */
export async function during<Result>(
  step: StartStep,
  work: () => Promise<Result>,
  look?: Look,
): Promise<Result> {
  const begunAt = systemClock.monotonic();
  let [isLooking, isOver] = [false, false];
  const say = async () => {
    if (isLooking) return;
    isLooking = true;
    const waits = await look?.().catch((error) => ({ error })) ?? null;
    isLooking = false;
    if (isOver) return;
    const waitedMs = Math.round(systemClock.monotonic() - begunAt);
    log.warn("The start waits for {step}", { step, waitedMs, waits });
  };
  const timer = setInterval(() => void say(), PATIENCE_MS);
  try {
    return await work();
  } finally {
    isOver = true;
    clearInterval(timer);
  }
}
