/** `top`: what the database holds and how fast it moves, once a second, until it is told to stop. */
import { JOB_STATES } from "../../machines/job.ts";
import { systemClock } from "../core/clock.ts";
import type { Observed } from "../store/store.ts";
import { print } from "./output.ts";
import { untilSignal, withStore } from "./service.ts";
import type { Settings } from "./settings.ts";

/** How to look. */
export interface TopCommand {
  /** One look, and the end. */
  readonly once?: boolean;
}

const PAUSE_MS = 1_000;
const QUEUES = 20;
/** Home, and clear what is below: the screen does not flicker as it does when it is cleared first. */
const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

interface Look {
  readonly at: number;
  readonly seen: Observed;
}

/** Draws frames. Without a terminal they follow each other. */
export async function runTop(settings: Settings, options: TopCommand): Promise<void> {
  let isOver = options.once ?? false;
  const stopped = options.once
    ? Promise.resolve()
    : untilSignal(settings.SHUTDOWN_MS).then(() => void (isOver = true));
  await withStore(settings, { name: "perdura top", debug: false }, async (store) => {
    const isTerminal = Deno.stdout.isTerminal() && !options.once;
    if (isTerminal) await print("\x1b[2J");
    let last: Look | null = null;
    do {
      const look = { at: systemClock.monotonic(), seen: await store.observer.observe() };
      const lines = frameOf(look, last);
      await print(
        isTerminal
          ? HOME + lines.map((line) => line + CLEAR_LINE).join("\n") + CLEAR_BELOW
          : lines.join("\n"),
      );
      last = look;
      if (!isOver) await Promise.race([stopped, new Promise((done) => setTimeout(done, PAUSE_MS))]);
    } while (!isOver);
  });
}

/** The lines of one frame. */
function frameOf({ at, seen }: Look, last: Look | null): string[] {
  const done = endedOf(seen);
  const perSecond = last ? (done - endedOf(last.seen)) / ((at - last.at) / 1000) : null;
  const oldest = Math.max(0, ...seen.backlog.map(({ seconds }) => seconds));
  const rate = perSecond === null ? "" : `   ended/s ${Math.max(0, perSecond).toFixed(0)}`;
  return [
    `perdura   leases ${seen.leases}   oldest due ${oldest.toFixed(1)} s${rate}`,
    `mail due ${seen.mail}   late ${seen.oldestMailSeconds.toFixed(1)} s   inbox ${seen.inbox}   ` +
    `oldest transaction ${seen.oldestTransactionSeconds.toFixed(0)} s`,
    "",
    ...tableOf(seen),
  ];
}

function endedOf({ jobs }: Observed): number {
  const ended = jobs.filter(({ state }) =>
    ["succeeded", "dead_letter", "cancelled"].includes(state)
  );
  return ended.reduce((sum, { count }) => sum + count, 0);
}

function tableOf({ jobs, backlog }: Observed): string[] {
  const ages = new Map(backlog.map(({ queue, seconds }) => [queue, seconds]));
  const byQueue = Map.groupBy(jobs, ({ queue }) => queue);
  const rows = [...byQueue].map(([queue, counts]) => {
    const of = new Map(counts.map(({ state, count }) => [state, count]));
    return [
      queue,
      ...JOB_STATES.map((s) => String(of.get(s) ?? 0)),
      (ages.get(queue) ?? 0).toFixed(1),
    ];
  }).sort((a, b) => Number(b.at(-1)) - Number(a.at(-1))).slice(0, QUEUES);
  const all = [["queue", ...JOB_STATES, "due s"], ...rows];
  const widths = all[0]?.map((_, k) => Math.max(...all.map((row) => row[k]?.length ?? 0))) ?? [];
  return all.map((row) =>
    row.map((cell, k) => k === 0 ? cell.padEnd(widths[k] ?? 0) : cell.padStart(widths[k] ?? 0))
      .join("  ")
  );
}
