/**
 * `POST /jobs` sent by wrk: a process of its own that costs a tenth of what it measures, where a client on Deno's
 * `fetch` takes as much of the machine as the API.
 */

/** One job, as the benchmarks of other systems have it. */
const BODY =
  '{"type":"debug.noop","payload":{"orderId":1,"customer":"ada@example.com","total":4200}}';
/** wrk counts whole seconds. */
const SECOND_MS = 1_000;

/** Who sends, and how. */
export interface Posting {
  /** A folder for its script. */
  readonly folder: string;
  readonly inFlight: number;
  /** An API key; null: without. */
  readonly key: string | null;
}

/** A sender: posts to an API for so long, and gives how many requests were answered. */
export async function postingBy(
  { folder, inFlight, key }: Posting,
): Promise<(url: string, ms: number) => Promise<number>> {
  const script = `${folder}/post-${crypto.randomUUID()}.lua`;
  const lines = [
    'wrk.method = "POST"',
    'wrk.headers["content-type"] = "application/json"',
    ...(key === null ? [] : [`wrk.headers["authorization"] = "Bearer ${key}"`]),
    `wrk.body = '${BODY}'`,
  ];
  await Deno.writeTextFile(script, lines.join("\n"));
  return async (url, ms) => {
    const { code, stdout } = await new Deno.Command("wrk", {
      args: [
        ...["-t1", `-c${inFlight}`, `-d${wholeSeconds(ms)}s`],
        ...["-s", script, `${url}/jobs`],
      ],
    }).output();
    const text = new TextDecoder().decode(stdout);
    const [, count] = /(\d+) requests in/.exec(text) ?? [];
    if (code !== 0 || count === undefined || /Non-2xx|Socket errors/.test(text)) {
      throw new Error(text);
    }
    return Number(count);
  };
}

function wholeSeconds(ms: number): number {
  return Math.max(1, Math.round(ms / SECOND_MS));
}
