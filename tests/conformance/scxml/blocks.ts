/**
 * Executable content. One block (an `onentry`, the body of a transition) is one `enqueueActions`: its
 * elements run in order on a draft of the context; an error raises `error.execution` and ends the
 * block, as SCXML 4 says.
 */
// deno-lint-ignore-file no-explicit-any -- machines made at run time have no types to check against
import { enqueueActions, stateIn } from "xstate";
import { type Context, type DataModel, literal, milliseconds, type RawEvent } from "./datamodel.ts";
import { type Element, elementsOf, textOf } from "./elements.ts";

/** What blocks need of their document. */
export interface Session {
  readonly model: DataModel;
  /** The text of a file beside the document. */
  readonly read: (path: string) => string;
}

/** A state's id where dots would be taken for a path. */
export function stateId(id: string): string {
  return id.replaceAll(".", "$");
}

const PLATFORM = { $kind: "platform" };

/** The error has been raised already; only the block is to end. */
const ENDED = Symbol("ended");

/** One block as an action. */
export function blockAction(session: Session, elements: readonly Element[]): any {
  return enqueueActions(({ context, event, enqueue, check, self }: any) => {
    const draft = structuredClone(context);
    const In = (id: string) => check(stateIn(`#${stateId(id)}`));
    try {
      new Block(session, draft, event, enqueue, self, In).run(elements);
    } catch (error) {
      if (error !== ENDED) enqueue.raise({ type: "error.execution", ...PLATFORM });
    }
    enqueue.assign(draft);
  });
}

class Block {
  constructor(
    private readonly session: Session,
    private readonly context: Context,
    private readonly event: RawEvent,
    private readonly enqueue: any,
    private readonly self: any,
    private readonly In: (id: string) => boolean,
  ) {}

  run(elements: readonly Element[]): void {
    for (const element of elements) this.#element(element);
  }

  #value(expression: string): unknown {
    return this.session.model.value(this.context, this.event, expression, { In: this.In });
  }

  #element(element: Element): void {
    const { attributes: a } = element;
    switch (element.name) {
      case "raise":
        return this.enqueue.raise({ type: a.event, $kind: "internal" });
      case "log":
        return void (a.expr && this.#value(a.expr));
      case "assign": {
        const value = a.expr === undefined ? literal(textOf(element)) : this.#value(a.expr);
        return this.session.model.assign(this.context, this.event, String(a.location), value);
      }
      case "script": {
        const code = a.src === undefined ? textOf(element) : this.session.read(a.src);
        return void this.session.model.run(this.context, this.event, code);
      }
      case "if":
        return this.run(this.#branch(element));
      case "foreach":
        return this.#forEach(element);
      case "cancel":
        return this.enqueue.cancel(a.sendid ?? this.#value(String(a.sendidexpr)));
      case "send":
        return this.#send(element);
      default:
        throw new Error(`Not executable: ${element.name}`);
    }
  }

  #branch(element: Element): Element[] {
    let isOn = Boolean(this.#value(String(element.attributes.cond)));
    let isOver = isOn;
    const chosen: Element[] = [];
    for (const child of elementsOf(element)) {
      if (child.name === "elseif" || child.name === "else") {
        const cond = child.attributes.cond;
        isOn = !isOver && (cond === undefined || Boolean(this.#value(cond)));
        isOver ||= isOn;
      } else if (isOn) chosen.push(child);
    }
    return chosen;
  }

  #forEach(element: Element): void {
    const { array = "", item = "", index } = element.attributes;
    const items = this.#value(array);
    if (!Array.isArray(items)) throw new Error(`Not a list: ${array}`);
    for (const name of [item, index ?? item]) {
      if (!/^[A-Za-z_$][\w$]*$/.test(name) || name === "continue") {
        throw new Error(`Not a name: ${name}`);
      }
      if (!(name in this.context)) this.context[name] = undefined;
    }
    for (const [i, value] of [...items].entries()) {
      this.context[item] = value;
      if (index !== undefined) this.context[index] = i;
      this.run(elementsOf(element));
    }
  }

  #send(element: Element): void {
    const { attributes: a } = element;
    const of = (name: string) =>
      a[name] ?? (a[`${name}expr`] && this.#value(String(a[`${name}expr`])));
    const id = a.id ?? this.#newSendId(a.idlocation);
    const target = of("target");
    if (!/scxml|SCXMLEventProcessor/.test(String(of("type") ?? "scxml"))) {
      this.#fail("execution", id);
    }
    const event = {
      type: of("event"),
      data: payload(this.session, element, this.context, this.event),
      sendid: id,
    };
    const delay = of("delay");
    const wait = delay === undefined ? 0 : milliseconds(delay);
    const options = { ...id !== undefined && { id }, ...wait > 0 && { delay: wait } };
    if (target === "#_internal") return this.enqueue.raise({ ...event, $kind: "internal" });
    if (!target || target === "#_internal_origin" || target === "#_scxml_session") {
      return this.enqueue.sendTo(this.self, event, options);
    }
    if (target === "#_parent") {
      return this.enqueue.sendTo("#_parent", { ...event, invokeid: this.self.id }, options);
    }
    if (/^#_scxml_/.test(String(target))) this.#fail("communication", id);
    if (!/^#_/.test(String(target))) this.#fail("execution", id);
    this.enqueue.sendTo(target, event, options);
  }

  #newSendId(location: string | undefined): string | undefined {
    if (location === undefined) return undefined;
    const count = Number(this.context.$sends ?? 0) + 1;
    this.context.$sends = count;
    const id = `send${count}`;
    this.session.model.assign(this.context, this.event, location, id);
    return id;
  }

  #fail(what: string, sendid: string | undefined): never {
    this.enqueue.raise({ type: `error.${what}`, sendid, ...PLATFORM });
    throw ENDED;
  }
}

/** What a `send`, `donedata` or `invoke` carries: content, or names and params. */
export function payload(
  { model }: Session,
  element: Element,
  context: Context,
  event: RawEvent | undefined,
): unknown {
  const [content] = elementsOf(element, "content");
  if (content) {
    const { expr } = content.attributes;
    if (expr !== undefined) return model.value(context, event, expr);
    return elementsOf(content).length > 0 ? undefined : literal(textOf(content));
  }
  const names = (element.attributes.namelist ?? "").split(/\s+/).filter((name) => name !== "");
  const data: Context = {};
  for (const name of names) data[name] = model.value(context, event, name);
  for (const { attributes: { name = "", expr, location } } of elementsOf(element, "param")) {
    data[name] = model.value(context, event, String(expr ?? location));
  }
  return Object.keys(data).length > 0 ? data : undefined;
}
