/**
 * Open-loop arrivals: jobs come when they come, by a Poisson process, whether earlier ones have been
 * answered or not. What a slow answer costs those behind it is part of their latency, which counts from
 * the moment they were to be sent (Gil Tene, "coordinated omission").
 */
import type { Kind } from "./flags.ts";

/** One arrival. */
export interface Sent {
  /** Milliseconds after the beginning: when it was to be sent. */
  readonly at: number;
  /** Until it was answered. */
  readonly tookMs: number;
  /** Null: it was not taken. */
  readonly id: string | null;
}

/** What arrivals need. */
export interface Target {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tag: string;
}

/** Requests at once; what would be more is counted as not taken. */
const OPEN_MAX = 5_000;

/** Times of arrivals within so many seconds, ascending, milliseconds. */
export function arrivalTimes(rate: number, seconds: number, random: () => number): number[] {
  const times: number[] = [];
  for (let at = 0;;) {
    at += -Math.log(1 - random()) * 1000 / rate;
    if (at >= seconds * 1000) return times;
    times.push(at);
  }
}

/** One of the kinds, by weight. */
export function pickKind(mix: readonly Kind[], random: () => number): Kind {
  const sum = mix.reduce((total, { weight }) => total + weight, 0);
  let left = random() * sum;
  for (const kind of mix) {
    left -= kind.weight;
    if (left < 0) return kind;
  }
  throw new RangeError("There is nothing to pick from");
}

/** Sends all of them, each at its time; resolves when the last one has been answered. */
export async function sendAll(
  times: readonly number[],
  mix: readonly Kind[],
  target: Target,
): Promise<Sent[]> {
  const begun = performance.now();
  const answers: Promise<Sent>[] = [];
  let open = 0;
  for (const at of times) {
    const wait = at - (performance.now() - begun);
    if (wait > 1) await new Promise((done) => setTimeout(done, wait));
    if (open >= OPEN_MAX) {
      answers.push(Promise.resolve({ at, tookMs: Infinity, id: null }));
      continue;
    }
    open++;
    const kind = pickKind(mix, Math.random);
    answers.push(
      send(kind, target).then((id) => {
        open--;
        return { at, tookMs: performance.now() - begun - at, id };
      }),
    );
  }
  return await Promise.all(answers);
}

async function send(
  { type, payload }: Kind,
  { url, headers, tag }: Target,
): Promise<string | null> {
  try {
    const answer = await fetch(`${url}/jobs`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify({ type, payload, tags: [tag] }),
    });
    const { id } = await answer.json();
    return answer.ok ? String(id) : null;
  } catch {
    return null;
  }
}
