/** An SCXML document as a tree of elements. */
import { SaxesParser } from "saxes";

/** One element; text is kept where it stands. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: (Element | string)[];
}

/** The root element of a document. Prefixes are dropped: the suite uses one namespace at a time. */
export function parseXml(xml: string): Element {
  const top: Element = { name: "", attributes: {}, children: [] };
  const open = [top];
  const parser = new SaxesParser();
  parser.on("opentag", ({ name, attributes }) => {
    const element = {
      name: name.replace(/^\w+:/, ""),
      attributes: { ...attributes },
      children: [],
    };
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  parser.on("closetag", () => void open.pop());
  parser.on("text", (text) => void open.at(-1)?.children.push(text));
  parser.on("cdata", (text) => void open.at(-1)?.children.push(text));
  parser.on("error", (error) => {
    throw error;
  });
  parser.write(xml).close();
  const [root] = elementsOf(top);
  if (!root) throw new Error("An empty document");
  return root;
}

/** The elements right inside one, of some names or all. */
export function elementsOf(element: Element | undefined, ...names: string[]): Element[] {
  return (element?.children ?? []).filter((child): child is Element => {
    return typeof child !== "string" && (names.length === 0 || names.includes(child.name));
  });
}

/** The text right inside an element. */
export function textOf(element: Element): string {
  return element.children.filter((child) => typeof child === "string").join("").trim();
}
