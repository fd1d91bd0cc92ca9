/**
 * The ECMAScript data model of SCXML: expressions, locations and scripts over a context.
 *
 * For tests alone: the suite's documents are code, and `with` is how their names reach the context.
 */

/** Names that are in scope besides the context. */
export type Names = Readonly<Record<string, unknown>>;
export type Context = Record<string, unknown>;

const PROCESSOR = "http://www.w3.org/TR/scxml/#SCXMLEventProcessor";

/** An event as XState has it. */
export interface RawEvent {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** One session's expressions. */
export class DataModel {
  readonly #system: Names;

  constructor(name: string) {
    const processors = { [PROCESSOR]: { location: "#_internal_origin" }, scxml: { location: "x" } };
    this.#system = { _sessionid: "session", _name: name, _ioprocessors: processors };
  }

  /** The value of an expression. */
  value(
    context: Context,
    event: RawEvent | undefined,
    expression: string,
    names: Names = {},
  ): unknown {
    return this.run(context, event, `return (${expression});`, names);
  }

  /** Runs a script. */
  run(context: Context, event: RawEvent | undefined, code: string, names: Names = {}): unknown {
    const scope: Context = { ...this.#system, ...names };
    const told = event && scxmlEvent(event);
    if (told) scope._event = told;
    const run = new Function("$context", ...Object.keys(scope), `with ($context) { ${code} }`);
    return run(context, ...Object.values(scope));
  }

  /** Assigns to a location that has been declared, and is not the platform's. */
  assign(context: Context, event: RawEvent | undefined, location: string, value: unknown): void {
    const place = location.trim();
    const [head = ""] = place.split(/[.[]/);
    if (!/^[\w$.[\]'"]+$/.test(place)) throw new Error(`Not a location: ${location}`);
    if (/^_(sessionid|name|event|ioprocessors|x)\b/.test(place) || !(head in context)) {
      throw new Error(`Not declared: ${location}`);
    }
    this.run(context, event, `${place} = $value;`, { $value: value });
  }
}

/** The value of a literal; of any other text the text, its white space collapsed. */
export function literal(text: string): unknown {
  try {
    return new Function(`return (${text});`)();
  } catch {
    return text.replace(/\s+/g, " ").trim();
  }
}

/** The name that SCXML gives an event of XState's. */
export function eventName(type: string): string {
  return type.replace(/^xstate\.done\.actor\./, "done.invoke.")
    .replace(/^xstate\.error\.actor\./, "error.platform.")
    .replace(/^xstate\.(done\.state)/, "$1");
}

function scxmlEvent(event: RawEvent): Names | undefined {
  if (event.type === "xstate.init") return undefined;
  const { type, $kind: kind, sendid, invokeid, actorId } = event;
  return {
    name: eventName(type),
    data: "output" in event ? event.output : event.data,
    type: kind ?? (type.startsWith("xstate.") ? "platform" : "external"),
    sendid,
    origin: kind ? undefined : "#_internal_origin",
    origintype: kind ? undefined : PROCESSOR,
    invokeid: invokeid ?? actorId,
  };
}

/** Milliseconds of a CSS2 duration. */
export function milliseconds(duration: unknown): number {
  const [, digits, unit = "ms"] = /^\+?(\d*\.?\d+)(ms|s|m)?$/.exec(String(duration).trim()) ?? [];
  const factor = { ms: 1, s: 1000, m: 60_000 }[unit];
  if (digits === undefined || factor === undefined) throw new Error(`Not a delay: ${duration}`);
  return Number(digits) * factor;
}
