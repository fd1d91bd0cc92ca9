/**
 * From SCXML to an XState 5 machine, written from the W3C recommendation on XState's public interface.
 *
 * Every transition with an event stands under `*`, in document order, with a guard on the name: SCXML
 * matches by prefix. A deep or multiple `initial` goes by way of a state `$init` with an eventless
 * transition, for XState's `initial` names one child. Not supported, and refused: `finalize`,
 * `autoforward`, `srcexpr`.
 */
// deno-lint-ignore-file no-explicit-any -- machines made at run time have no types to check against
import { and, type AnyStateMachine, createMachine, enqueueActions, not, or, stateIn } from "xstate";
import { blockAction, payload, type Session, stateId } from "./blocks.ts";
import { type Context, DataModel, eventName, literal } from "./datamodel.ts";
import { type Element, elementsOf, parseXml, textOf } from "./elements.ts";

/** The root, and states that stand for deep initial ones, are no states of the document. */
export function isSynthetic(id: string): boolean {
  return id === "$root" || id.startsWith("$init");
}

/** The machine of a document. @param read Gives the text of a file beside it. */
export function convertScxml(xml: string, read: (path: string) => string): AnyStateMachine {
  return convert(parseXml(xml), "scxml", read);
}

const STATES = ["state", "parallel", "final", "history"];

function convert(root: Element, name: string, read: Session["read"]): AnyStateMachine {
  const session: Session = { model: new DataModel(root.attributes.name ?? name), read };
  const scripts = elementsOf(root, "script");
  const children = root.children.filter((child) =>
    typeof child === "string" || child.name !== "script"
  );
  const attributes = { ...root.attributes, id: "$root" };
  const config = new Converter(session).state({ name: "state", attributes, children });
  const data = dataBelow(root);
  config.context = ({ input }: { input: unknown }) => {
    const context = initialContext(session, data, Object(input));
    for (const script of scripts) {
      const { src } = script.attributes;
      session.model.run(context, undefined, src === undefined ? textOf(script) : read(src));
    }
    return context;
  };
  config.entry.unshift(enqueueActions(({ context, enqueue }: any) => {
    if (context.$wrong) enqueue.raise({ type: "error.execution", $kind: "platform" });
  }));
  config.options = { maxIterations: 500 };
  return createMachine(config);
}

function dataBelow(element: Element): Element[] {
  const own = elementsOf(element, "datamodel").flatMap((model) => elementsOf(model, "data"));
  return [...own, ...elementsOf(element, "state", "parallel", "final").flatMap(dataBelow)];
}

function initialContext(
  { model, read }: Session,
  data: readonly Element[],
  input: Context,
): Context {
  const context: Context = {};
  for (const { attributes: { id = "" } } of data) context[id] = undefined;
  for (const element of data) {
    const { id = "", expr, src } = element.attributes;
    try {
      const text = src === undefined ? textOf(element) : read(src);
      if (Object.hasOwn(input, id)) context[id] = input[id];
      else if (expr !== undefined) context[id] = model.value(context, undefined, expr);
      else if (text !== "") context[id] = literal(text);
    } catch {
      context.$wrong = true;
    }
  }
  return context;
}

class Converter {
  #count = 0;

  constructor(private readonly session: Session) {}

  /** The configuration of a state and of those in it. */
  state(element: Element): any {
    const id = this.#id(element);
    if (element.name === "history") return this.#history(element, id);
    const inner = elementsOf(element, ...STATES).map((child): Element => ({
      ...child,
      attributes: { ...child.attributes, id: child.attributes.id ?? `$auto${this.#count++}` },
    }));
    const config: any = { id, on: {}, always: [], entry: [], exit: [], invoke: [] };
    if (element.name === "final") {
      Object.assign(config, { type: "final", ...this.#doneData(element) });
    }
    if (element.name === "parallel") config.type = "parallel";
    if (inner.length > 0) {
      config.states = Object.fromEntries(
        inner.map((child) => [this.#id(child), this.state(child)]),
      );
      if (element.name !== "parallel") this.#initial(element, inner, id, config);
    }
    for (const block of elementsOf(element, "onentry")) config.entry.push(this.#block(block));
    for (const block of elementsOf(element, "onexit")) config.exit.push(this.#block(block));
    for (const transition of elementsOf(element, "transition")) {
      this.#transition(transition, config);
    }
    for (const [i, invoke] of elementsOf(element, "invoke").entries()) {
      this.#invoke(invoke, `${id}.inv${i}`, config);
    }
    return config;
  }

  #id(element: Element): string {
    return stateId(element.attributes.id ?? `$auto${this.#count++}`);
  }

  #block(element: Element): any {
    return blockAction(this.session, elementsOf(element));
  }

  #history(element: Element, id: string): any {
    const [transition] = elementsOf(element, "transition");
    const target = transition && { target: targetsOf(transition) };
    return { id, type: "history", history: element.attributes.type ?? "shallow", ...target };
  }

  #doneData(element: Element): any {
    const [data] = elementsOf(element, "donedata");
    if (!data) return {};
    return {
      output: ({ context, event }: any) => {
        try {
          return payload(this.session, data, structuredClone(context), event);
        } catch {
          return undefined;
        }
      },
    };
  }

  #initial(element: Element, inner: readonly Element[], id: string, config: any): void {
    const [transition] = elementsOf(elementsOf(element, "initial")[0], "transition");
    const first = inner.find(({ name }) => name !== "history")?.attributes.id;
    const named = transition?.attributes.target ?? element.attributes.initial ?? first ?? "";
    const targets = named.trim().split(/\s+/).map(stateId);
    const actions = transition && elementsOf(transition).length > 0
      ? [this.#block(transition)]
      : [];
    const [target = ""] = targets;
    if (targets.length === 1 && target in config.states) {
      config.initial = actions.length > 0 ? { target, actions } : target;
      return;
    }
    const init = `$init.${id}`.replaceAll(".", "$");
    config.states[init] = {
      id: init,
      always: { target: targets.map((each) => `#${each}`), actions },
    };
    config.initial = init;
  }

  #transition(element: Element, config: any): void {
    const { event, target, type, cond } = element.attributes;
    const made: any = {};
    if (target) made.target = targetsOf(element);
    if (target && type !== "internal") made.reenter = true;
    if (elementsOf(element).length > 0) made.actions = [this.#block(element)];
    const guards = [
      ...event === undefined ? [] : [nameGuard(event)],
      ...cond === undefined ? [] : [this.#condition(cond)],
    ];
    if (guards.length > 0) made.guard = guards.length > 1 ? and(guards) : guards[0];
    if (event === undefined) config.always.push(made);
    else (config.on["*"] ??= []).push(made);
  }

  /** `In` needs the configuration, which only XState's own guards see. */
  #condition(cond: string): any {
    const [, isNot, id] = /^\s*(!?)\s*In\s*\(\s*['"]([^'"]*)['"]\s*\)\s*$/.exec(cond) ?? [];
    if (id !== undefined) {
      const guard: any = stateIn(`#${stateId(id)}`);
      return isNot ? not(guard) : guard;
    }
    if (/\bIn\s*\(/.test(cond)) {
      for (const [sign, make] of [["||", or], ["&&", and]] as const) {
        const parts = cond.split(sign);
        if (parts.length > 1) return make(parts.map((part) => this.#condition(part)) as any);
      }
    }
    return ({ context, event }: any) => {
      try {
        return Boolean(this.session.model.value(structuredClone(context), event, cond));
      } catch {
        return false;
      }
    };
  }

  #invoke(element: Element, autoId: string, config: any): void {
    const { autoforward, srcexpr, src, idlocation, id = autoId } = element.attributes;
    if (
      autoforward === "true" || srcexpr !== undefined || elementsOf(element, "finalize").length > 0
    ) {
      throw new Error("Not supported: finalize, autoforward, srcexpr");
    }
    const [inline] = elementsOf(elementsOf(element, "content")[0], "scxml");
    const document = src === undefined ? inline : parseXml(this.session.read(src));
    if (!document) throw new Error("Not supported: an invoke without a document");
    if (idlocation !== undefined) {
      const attributes = { location: idlocation, expr: JSON.stringify(id) };
      config.entry.push(blockAction(this.session, [{ name: "assign", attributes, children: [] }]));
    }
    const plain = { ...element, children: elementsOf(element, "param") };
    config.invoke.push({
      id,
      src: convert(document, id, this.session.read),
      input: ({ context, event }: any) =>
        payload(this.session, plain, structuredClone(context), event),
    });
  }
}

function targetsOf(element: Element): string[] {
  return String(element.attributes.target).trim().split(/\s+/).map((id) => `#${stateId(id)}`);
}

function nameGuard(events: string): any {
  const prefixes = events.trim().split(/\s+/).map((each) => each.replace(/\.\*$|\.$/, ""));
  return ({ event }: any) => {
    const name = event.type === "xstate.init" ? "" : eventName(event.type);
    return prefixes.some((each) => each === "*" || name === each || name.startsWith(`${each}.`));
  };
}
