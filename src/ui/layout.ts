/**
 * Chart to geometry by ELK (layered), with what its layouts need on statecharts: cycles are broken in
 * reading order by ourselves, and options are given for all levels at once, since ELK does not hand
 * them down into nested graphs.
 */
import type { ELK, ElkExtendedEdge, ElkNode, LayoutOptions } from "elkjs";
import type { Chart } from "./chart.ts";
import {
  type Box,
  type Edge,
  edgesOf,
  type Geometry,
  labelSize,
  type Line,
  type Point,
  rowsOf,
  size,
  stateSize,
} from "./geometry.ts";

const OUTER = "\0outer";

/** From careful to robust; the first that gives a picture is taken. */
const rungs: readonly LayoutOptions[] = [
  { "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX" },
  { "elk.layered.nodePlacement.strategy": "BRANDES_KOEPF" },
  {
    "elk.layered.nodePlacement.strategy": "SIMPLE",
    "elk.layered.layering.strategy": "LONGEST_PATH",
    "elk.edgeRouting": "POLYLINE",
  },
];

/** Lays a chart out. Rejects when ELK cannot, on any rung. */
export async function layoutChart(chart: Chart, elk: ELK): Promise<Geometry> {
  const plan = new Plan(chart);
  for (const [index, rung] of rungs.entries()) {
    try {
      return plan.read(await elk.layout(plan.graph(), { layoutOptions: { ...options, ...rung } }));
    } catch (error) {
      // Its own words carry a megabyte of source.
      if (index === rungs.length - 1) throw new Error(`No layout: ${String(error).slice(0, 160)}`);
    }
  }
  throw new Error("No layout");
}

const options: LayoutOptions = {
  "elk.algorithm": "layered",
  "elk.direction": "DOWN",
  "elk.hierarchyHandling": "INCLUDE_CHILDREN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.layered.cycleBreaking.strategy": "GREEDY",
  "elk.layered.layering.strategy": "NETWORK_SIMPLEX",
  "elk.layered.edgeLabels.centerLabelPlacementStrategy": "MEDIAN_LAYER",
  "elk.layered.unnecessaryBendpoints": "true",
  "elk.layered.nodePlacement.favorStraightEdges": "true",
  "elk.spacing.nodeNode": "28",
  "elk.layered.spacing.nodeNodeBetweenLayers": "24",
  "elk.spacing.edgeNode": "18",
  "elk.layered.spacing.edgeNodeBetweenLayers": "16",
  "elk.spacing.edgeEdge": "14",
  "elk.layered.spacing.edgeEdgeBetweenLayers": "14",
  "elk.spacing.edgeLabel": "4",
  "elk.spacing.labelLabel": "8",
  "elk.spacing.nodeSelfLoop": "14",
  "elk.json.edgeCoords": "ROOT",
  "elk.json.shapeCoords": "ROOT",
};

/** One chart on its way through ELK. */
class Plan {
  readonly #chart: Chart;
  readonly #edges: readonly Edge[];
  readonly #parents: ReadonlyMap<string, string | null>;
  readonly #flipped = new Set<string>();

  constructor(chart: Chart) {
    this.#chart = chart;
    this.#edges = edgesOf(chart);
    this.#parents = new Map(chart.states.map(({ id, parent }) => [id, parent]));
  }

  graph(): ElkNode {
    const byOwner = Map.groupBy(this.#edges, (edge) => this.#ownerOf(edge));
    const edgesIn = (owner: string) =>
      (byOwner.get(owner) ?? []).map((edge) => this.#elkEdge(edge, owner));
    const rows = rowsOf(this.#chart);
    const shown = this.#chart.states.filter(({ type }) => type !== "history");
    const build = (id: string): ElkNode => {
      const state = shown.find((one) => one.id === id);
      const own = rows.get(id) ?? [];
      const least = state ? stateSize(state, own) : { width: 0, height: 0 };
      const children = shown.filter(({ parent }) => parent === id);
      if (children.length === 0) return { id, ...least };
      const top = size.head + own.length * size.row + 26;
      return {
        id,
        children: children.map((child) => build(child.id)),
        edges: edgesIn(id),
        layoutOptions: {
          "elk.padding": `[top=${top},left=24,bottom=22,right=24]`,
          "elk.nodeSize.constraints": "MINIMUM_SIZE",
          "elk.nodeSize.minimum": `(${least.width + 20},${least.height})`,
        },
      };
    };
    const [root] = this.#chart.states;
    return {
      id: OUTER,
      children: root ? [build(root.id)] : [],
      edges: edgesIn(OUTER),
      layoutOptions: { "elk.padding": "[top=12,left=12,bottom=12,right=12]" },
    };
  }

  read(graph: ElkNode): Geometry {
    const states = new Map<string, Box>();
    const lines = new Map<string, Line>();
    const walk = (node: ElkNode) => {
      if (node.id !== OUTER) states.set(node.id, boxOf(node));
      for (const edge of node.edges ?? []) lines.set(edge.id, this.#lineOf(edge));
      for (const child of node.children ?? []) walk(child);
    };
    walk(graph);
    return { width: graph.width ?? 0, height: graph.height ?? 0, states, lines };
  }

  #elkEdge(edge: Edge, owner: string): ElkExtendedEdge {
    const isSelf = edge.source === edge.target;
    const isBack = !isSelf && this.#isBack(edge, owner);
    if (isBack) this.#flipped.add(edge.id);
    const [from, to] = isBack ? [edge.target, edge.source] : [edge.source, edge.target];
    return {
      id: edge.id,
      sources: [from],
      targets: [to],
      labels: [{
        id: `${edge.id} label`,
        text: " ",
        ...labelSize(edge),
        layoutOptions: {
          "elk.edgeLabels.inline": isSelf ? "false" : "true",
          "elk.edgeLabels.placement": "CENTER",
        },
      }],
    };
  }

  #lineOf(edge: ElkExtendedEdge): Line {
    const [section] = edge.sections ?? [];
    const points: Point[] = section
      ? [section.startPoint, ...section.bendPoints ?? [], section.endPoint]
      : [];
    const [label] = edge.labels ?? [];
    return {
      points: this.#flipped.has(edge.id) ? points.reverse() : points,
      label: boxOf(label ?? {}),
    };
  }

  /** The innermost state that contains both ends: there ELK wants the edge. */
  #ownerOf({ source, target }: Edge): string {
    const above = new Set(this.#ancestors(source));
    return this.#ancestors(target).find((id) => above.has(id)) ?? OUTER;
  }

  #ancestors(id: string): string[] {
    const found: string[] = [];
    for (let at = this.#parents.get(id); at; at = this.#parents.get(at)) found.push(at);
    return found;
  }

  /** Against the reading order: initial states first, final ones last, the others as written. */
  #isBack({ source, target }: Edge, owner: string): boolean {
    if (this.#ancestors(source).includes(target) || this.#ancestors(target).includes(source)) {
      return false;
    }
    return this.#rank(source, owner) > this.#rank(target, owner);
  }

  #rank(id: string, owner: string): number {
    const lifted = [id, ...this.#ancestors(id)].find((at) => this.#parents.get(at) === owner) ?? id;
    const index = this.#chart.states.findIndex((state) => state.id === lifted);
    const state = this.#chart.states[index];
    return index + (state?.isInitial ? -1e6 : state?.type === "final" ? 1e6 : 0);
  }
}

function boxOf({ x = 0, y = 0, width = 0, height = 0 }: Partial<Box>): Box {
  return { x, y, width, height };
}
