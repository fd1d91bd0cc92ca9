/**
 * Machine to picture, kept by the hash of its chart: in this process, and in the database for all. It
 * always gives one: by ELK in a worker with a time limit, else the plain layout.
 */
import { getLogger } from "@logtape/logtape";
import type { AnyStateMachine } from "xstate";
import type { UiStore } from "../store/store.ts";
import { type Chart, chartHash, chartOf } from "./chart.ts";
import type { Geometry } from "./geometry.ts";
import { Layouter } from "./layouter.ts";
import { plainLayout } from "./plain_layout.ts";
import { renderChart } from "./render.ts";

/** The way charts are laid out and drawn: another number, and all are drawn anew. */
const LAYOUT = 3;

/** Above this a search takes too long for anybody to wait for. */
const STATES_MAX = 600;
const KEPT_MAX = 200;
/** So long a plain picture stands before a better one is tried for. */
const PLAIN_MS = 60_000;

const log = getLogger(["perdura", "ui"]);
const layouter = new Layouter();

/** A chart and the hash of what is drawn. */
export interface HashedChart {
  readonly chart: Chart;
  readonly hash: string;
}

/** Where pictures are kept. */
export type PictureStore = Pick<UiStore, "findPicture" | "keepPicture">;

/** The pictures of one process. */
export class Charts {
  readonly #store: PictureStore | null;
  readonly #charts = new WeakMap<AnyStateMachine, Promise<HashedChart>>();
  readonly #pictures = new Map<string, Promise<string>>();

  constructor(store: PictureStore | null) {
    this.#store = store;
  }

  /** The chart of a machine. */
  chart(machine: AnyStateMachine): Promise<HashedChart> {
    const known = this.#charts.get(machine);
    if (known) return known;
    const chart = chartOf(machine);
    const hashed = chartHash(chart).then((hash) => ({ chart, hash: `${hash}${LAYOUT}` }));
    this.#charts.set(machine, hashed);
    return hashed;
  }

  /** The picture of a machine. */
  async draw(machine: AnyStateMachine): Promise<HashedChart & { readonly svg: string }> {
    const { chart, hash } = await this.chart(machine);
    const drawing = this.#pictures.get(hash) ?? this.#find(chart, hash);
    this.#pictures.set(hash, drawing);
    const [oldest] = this.#pictures.keys();
    if (this.#pictures.size > KEPT_MAX && oldest !== undefined) this.#pictures.delete(oldest);
    return { chart, hash, svg: await drawing };
  }

  async #find(chart: Chart, hash: string): Promise<string> {
    // A database that is away keeps nobody from a picture.
    const kept = await this.#store?.findPicture(hash, LAYOUT).catch(() => null);
    if (kept) return kept;
    const { geometry, isPlain } = await layOut(chart);
    const svg = renderChart(chart, geometry);
    // Not for ever: it may have been a busy minute.
    if (isPlain) setTimeout(() => this.#pictures.delete(hash), PLAIN_MS).unref();
    else await this.#store?.keepPicture(hash, LAYOUT, svg).catch(() => {});
    return svg;
  }
}

/** The picture of a machine as SVG text, for who draws one and ends. */
export async function chartSvg(machine: AnyStateMachine): Promise<string> {
  try {
    return (await new Charts(null).draw(machine)).svg;
  } finally {
    layouter.close();
  }
}

async function layOut(chart: Chart): Promise<{ geometry: Geometry; isPlain: boolean }> {
  if (chart.states.length <= STATES_MAX) {
    try {
      return { geometry: await layouter.layout(chart), isPlain: false };
    } catch (error) {
      log.warn("Chart drawn plainly: {reason}", { chart: chart.name, reason: String(error) });
    }
  }
  return { geometry: plainLayout(chart), isPlain: true };
}
