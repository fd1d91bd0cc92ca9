/**
 * What each part of a statement costs: the plans that auto_explain wrote to the server's log.
 *
 * A CTE is one part. Reading another CTE is not its own time: that other part has been counted.
 */

/** One node of a plan, as `explain (analyze, format json)` has it. */
interface Node {
  readonly "Node Type": string;
  readonly "Subplan Name"?: string;
  readonly "Actual Total Time"?: number;
  readonly "Actual Loops"?: number;
  readonly "CTE Name"?: string;
  readonly Plans?: readonly Node[];
}

/** One part of one statement, summed over its calls. */
export interface Part {
  readonly statement: string;
  readonly part: string;
  ms: number;
}

/** Every plan in a log, as parts. `nameOf` recognises a statement by its text. */
export function partsOf(log: string, nameOf: (query: string) => string | null): Part[] {
  const parts = new Map<string, Part>();
  for (const { query, plan } of plansIn(log)) {
    const statement = nameOf(query);
    if (statement === null) continue;
    for (const { name, ms } of split(plan)) {
      const key = `${statement} ${name}`;
      const part = parts.get(key) ?? { statement, part: name, ms: 0 };
      part.ms += ms;
      parts.set(key, part);
    }
  }
  return [...parts.values()].sort((a, b) => b.ms - a.ms);
}

/** A plan stands in the lines after "plan:", each begun by a tab. */
function* plansIn(log: string): Generator<{ query: string; plan: Node }> {
  for (const match of log.matchAll(/ plan:\n((?:\t.*\n)+)/g)) {
    const json = String(match[1]).replace(/^\t/gm, "");
    const { "Query Text": query, Plan: plan } = JSON.parse(json);
    yield { query, plan };
  }
}

/** The parts of one plan, exclusive of each other. */
function split(root: Node): { name: string; ms: number }[] {
  const ctes = new Map(all(root).filter(isCte).map((node) => [nameOfCte(node), node]));
  const parts = [...ctes].map(([name, node]) => ({
    name,
    ms: own(node, ctes),
  }));
  return [{ name: "(result)", ms: own(root, ctes) }, ...parts];
}

/** Time of a part without the parts it pulls: the time of those is in the scans that read them. */
function own(part: Node, ctes: ReadonlyMap<string, Node>): number {
  const scans = [part, ...within(part)].filter((node) => node["Node Type"] === "CTE Scan");
  const pulled = scans.map((scan) => {
    const cte = ctes.get(scan["CTE Name"] ?? "");
    return Math.min(timeOf(scan), cte ? timeOf(cte) : 0);
  });
  return Math.max(0, timeOf(part) - pulled.reduce((sum, ms) => sum + ms, 0));
}

function timeOf(node: Node): number {
  return (node["Actual Total Time"] ?? 0) * (node["Actual Loops"] ?? 0);
}

/** The nodes of a part itself. */
function within(node: Node): Node[] {
  return (node.Plans ?? []).filter((child) => !isCte(child))
    .flatMap((child) => [child, ...within(child)]);
}

function all(node: Node): Node[] {
  return [node, ...(node.Plans ?? []).flatMap(all)];
}

function isCte(node: Node): boolean {
  return node["Subplan Name"]?.startsWith("CTE ") ?? false;
}

function nameOfCte(node: Node): string {
  return String(node["Subplan Name"]).slice("CTE ".length);
}
