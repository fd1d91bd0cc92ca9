/** The command line of `deno task load`. */
import { parseArgs } from "node:util";

/** A type of jobs, its share of the arrivals, and what it is sent. */
export interface Kind {
  readonly type: string;
  readonly weight: number;
  readonly payload: unknown;
}

/** What was asked for. */
export interface Flags {
  /** Null: a server of its own. */
  readonly url: string | null;
  readonly key: string | null;
  /** Arrivals per second. */
  readonly rate: number;
  readonly seconds: number;
  readonly mix: readonly Kind[];
  /** Where the plot goes. */
  readonly out: string;
}

const MIX = "debug.noop:9,debug.sleep:1";
const PAYLOADS: Readonly<Record<string, unknown>> = { "debug.sleep": { ms: 100 } };

/** Words about the flags. */
export const USAGE = `usage: deno task load [--url URL] [--key KEY] [--rate N] [--seconds N]
                      [--mix TYPE:WEIGHT,…] [--payload JSON] [--out FILE.svg]

  --url URL      a running API; without it, a server and a worker are started for this
  --key KEY      its API key
  --rate N       arrivals per second, 1 to 100000, default 200; they do not wait for answers
  --seconds N    how long, 1 to 3600, default 20
  --mix …        types of jobs and their weights, default ${MIX}
  --payload JSON what jobs are sent with, default {} (debug.sleep: {"ms":100})
  --out FILE     the plot, default .out/load.svg`;

/** Reads the arguments; a text says what is wrong with them. */
export function readFlags(args: readonly string[]): Flags | string {
  const text = { type: "string" } as const;
  const options = {
    url: text,
    key: text,
    rate: text,
    seconds: text,
    mix: text,
    payload: text,
    out: text,
  };
  try {
    const { values } = parseArgs({ args: args.filter((arg) => arg !== "--"), options });
    const { url = null, key = null, out = ".out/load.svg" } = values;
    if (url !== null && !/^https?:\/\//.test(url)) return "--url takes an address, http or https";
    if (!out.endsWith(".svg")) return "--out takes a file that ends with .svg";
    const rate = within(values.rate ?? "200", 100_000);
    if (rate === null) return "--rate takes a number from 1 to 100000";
    const seconds = within(values.seconds ?? "20", 3_600);
    if (seconds === null) return "--seconds takes a number from 1 to 3600";
    const mix = readMix(values.mix ?? MIX, values.payload);
    if (typeof mix === "string") return mix;
    return { url: url?.replace(/\/$/, "") ?? null, key, rate, seconds, mix, out };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function within(text: string, most: number): number | null {
  const value = Number(text);
  return /^\d+$/.test(text) && value >= 1 && value <= most ? value : null;
}

function readMix(text: string, payloadText: string | undefined): Kind[] | string {
  let payload: unknown;
  try {
    payload = payloadText === undefined ? undefined : JSON.parse(payloadText);
  } catch {
    return "--payload takes JSON";
  }
  const kinds: Kind[] = [];
  for (const part of text.split(",")) {
    const [, type, weight = "1"] = /^([\w.:@/-]+?)(?::(\d{1,6}))?$/.exec(part) ?? [];
    if (type === undefined || Number(weight) < 1) return "--mix takes TYPE:WEIGHT, by commas";
    kinds.push({ type, weight: Number(weight), payload: payload ?? PAYLOADS[type] ?? {} });
  }
  return kinds;
}
