/**
 * What people should not see of a payload: fields that its schema marks.
 *
 * The marks are read from the JSON Schema of the type, so that they hold through unions, arrays,
 * optional and recursive parts alike. A mark in any branch of a union counts.
 */
import { z } from "zod";

/** What stands in the place of a hidden value. */
const REDACTED = "[redacted]";

/** Shorter texts are in too many messages by chance. */
const SECRET_LENGTH_MIN = 4;
const DEPTH_MAX = 100;

/** Marks a field: logs, pages, errors and the answers of the API do not show it. */
export function sensitive<T extends z.ZodType>(schema: T): T {
  return schema.meta({ ...schema.meta(), sensitive: true });
}

/** Hides what a schema marks. */
export interface Redactor {
  /** The value, with `[redacted]` in the places of what is marked. */
  hide(value: unknown): unknown;
  /** Whether something at these keys, from the outside in, or below them, may be marked. */
  marks(path: readonly string[]): boolean;
  /** The text, without what is marked in the value. */
  scrub(text: string, value: unknown): string;
}

/** The part of JSON Schema that marks are found in. */
interface Node {
  readonly sensitive?: unknown;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Node>>;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node | boolean;
  readonly prefixItems?: readonly Node[];
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
  readonly allOf?: readonly Node[];
}

/** The redactor of a schema; null: it marks nothing. */
export function redactorOf(schema: z.ZodType): Redactor | null {
  const text = JSON.stringify(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }));
  if (!text.includes('"sensitive":true')) return null;
  const root: Node = JSON.parse(text);
  return {
    hide: (value) => hide(root, root, value, () => {}, 0),
    marks: (path) => marks(root, root, path, new Set()),
    scrub: (text, value) => {
      const secrets: unknown[] = [];
      hide(root, root, value, (hidden) => secrets.push(hidden), 0);
      return secrets.flatMap(textsOf).toSorted((a, b) => b.length - a.length)
        .reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text);
    },
  };
}

/**
 * For `JSON.stringify`: takes secrets out of each text and number, as it reads and not as JSON writes
 * it.
 */
export function scrubbing(
  scrub: (text: string) => string,
): (name: string, value: unknown) => unknown {
  return (_name, value) => {
    if (typeof value === "string") return scrub(value);
    if (typeof value !== "number") return value;
    const text = scrub(String(value));
    return text === String(value) ? value : text;
  };
}

function hide(
  root: Node,
  node: Node,
  value: unknown,
  tell: (hidden: unknown) => void,
  depth: number,
): unknown {
  if (value === undefined || value === null || value === REDACTED) return value;
  if (node.sensitive === true || depth > DEPTH_MAX) {
    tell(value);
    return REDACTED;
  }
  const below = (next: Node, part: unknown) => hide(root, next, part, tell, depth + 1);
  const shown = branchesOf(root, node).reduce(
    (part: unknown, branch) => below(branch, part),
    value,
  );
  if (Array.isArray(shown)) {
    const rest = typeof node.items === "object" ? node.items : {};
    return shown.map((item, index) => below(node.prefixItems?.[index] ?? rest, item));
  }
  if (typeof shown !== "object" || shown === null) return shown;
  const others = typeof node.additionalProperties === "object" ? node.additionalProperties : {};
  return Object.fromEntries(
    Object.entries(shown).map(([name, part]) => {
      const known = node.properties && Object.hasOwn(node.properties, name);
      return [name, below(known ? node.properties?.[name] ?? {} : others, part)];
    }),
  );
}

/** @param seen Nodes at the end of the path, so that a schema that holds itself has an end. */
function marks(root: Node, node: Node, path: readonly string[], seen: Set<Node>): boolean {
  if (node.sensitive === true) return true;
  const [name, ...rest] = path;
  if (name === undefined) {
    if (seen.has(node)) return false;
    seen.add(node);
  }
  const parts = name === undefined ? partsOf(node) : partsNamed(node, name);
  return branchesOf(root, node).some((branch) => marks(root, branch, path, seen)) ||
    parts.some((part) => marks(root, part, rest, seen));
}

function branchesOf(root: Node, node: Node): readonly Node[] {
  return [
    ...node.$ref === undefined ? [] : [target(root, node.$ref)],
    ...[node.anyOf ?? [], node.oneOf ?? [], node.allOf ?? []].flat(),
  ];
}

/** What is below a node, whatever its name. */
function partsOf({ properties, additionalProperties, items, prefixItems }: Node): readonly Node[] {
  const others = [additionalProperties, items].filter((part) => typeof part === "object");
  return [...Object.values(properties ?? {}), ...prefixItems ?? [], ...others];
}

/** What a name may mean below a node: a member, or an item by its number, from either end. */
function partsNamed(node: Node, name: string): readonly Node[] {
  const { properties, additionalProperties } = node;
  const known = properties && Object.hasOwn(properties, name) ? properties[name] : undefined;
  const isItem = /^-?\d+$/.test(name);
  const items = isItem ? partsOf({ ...node, properties: {}, additionalProperties: false }) : [];
  const other = typeof additionalProperties === "object" ? [additionalProperties] : [];
  return known ? [known, ...items] : [...other, ...items];
}

function target(root: Node, ref: string): Node {
  if (ref === "#") return root;
  return root.$defs?.[ref.replace(/^#\/\$defs\//, "")] ?? {};
}

/** Every text and number in a hidden value that is worth looking for. */
function textsOf(value: unknown): string[] {
  if (typeof value === "object" && value !== null) return Object.values(value).flatMap(textsOf);
  const text = typeof value === "boolean" ? "" : String(value ?? "");
  return text.length < SECRET_LENGTH_MIN ? [] : [text];
}
