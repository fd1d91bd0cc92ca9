/**
 * A copy of a machine's configuration in which every piece of the author's code says where it stands
 * when it throws, and no actor logic is left.
 *
 * It knows the form of a configuration (states, transitions, actions), not what XState makes of it:
 * the four visitors do.
 */
import { isRecord } from "./envelope.ts";

/** What to put in the place of each piece. `path` is dotted, from the root of the machine. */
export interface Visitors {
  readonly action: (action: unknown, path: string) => unknown;
  readonly guard: (guard: unknown, path: string) => unknown;
  /** A function that gives a value: context, input, output, params. */
  readonly mapper: (mapper: unknown, path: string) => unknown;
  /** The `src` of an invoke. */
  readonly source: (src: unknown, path: string) => unknown;
}

type Config = Record<string, unknown>;

/** Copies the configuration of a state and all below it. */
export function copyConfig(config: Config, visit: Visitors, path = ""): Config {
  const at = (key: string) => path === "" ? key : `${path}.${key}`;
  const copy: Config = { ...config };
  const put = (key: string, make: (value: unknown, path: string) => unknown) => {
    if (config[key] !== undefined) copy[key] = make(config[key], at(key));
  };
  put("context", visit.mapper);
  put("output", visit.mapper);
  for (const key of ["entry", "exit"]) put(key, (value, to) => copyActions(value, visit, to));
  for (const key of ["always", "onDone"]) {
    put(key, (value, to) => copyTransitions(value, visit, to));
  }
  for (const key of ["on", "after"]) {
    put(
      key,
      (value, to) => copyEach(value, to, (each, name) => copyTransitions(each, visit, name)),
    );
  }
  put("initial", (value, to) => copyTransition(value, visit, to));
  put("invoke", (value, to) => eachOf(value, to, (each, name) => copyInvoke(each, visit, name)));
  put(
    "states",
    (value, to) =>
      copyEach(
        value,
        to,
        (state, name) => isRecord(state) ? copyConfig(state, visit, name) : state,
      ),
  );
  return copy;
}

function copyInvoke(value: unknown, visit: Visitors, path: string): unknown {
  if (!isRecord(value)) return value;
  const copy: Config = { ...value, src: visit.source(value.src, `${path}.src`) };
  for (const key of ["input", "id", "systemId"]) {
    if (typeof value[key] === "function") copy[key] = visit.mapper(value[key], `${path}.${key}`);
  }
  for (const key of ["onDone", "onError", "onSnapshot"]) {
    if (value[key] !== undefined) copy[key] = copyTransitions(value[key], visit, `${path}.${key}`);
  }
  return copy;
}

function copyTransitions(value: unknown, visit: Visitors, path: string): unknown {
  return eachOf(value, path, (each, name) => copyTransition(each, visit, name));
}

/** A target alone is a text, or nothing. */
function copyTransition(value: unknown, visit: Visitors, path: string): unknown {
  if (!isRecord(value)) return value;
  const copy: Config = { ...value };
  if (value.guard !== undefined) copy.guard = visit.guard(value.guard, `${path}.guard`);
  if (value.actions !== undefined) {
    copy.actions = copyActions(value.actions, visit, `${path}.actions`);
  }
  return copy;
}

function copyActions(value: unknown, visit: Visitors, path: string): unknown {
  return eachOf(value, path, (action, name) => visit.action(action, name));
}

/** One, or a list of them; the path counts only in a list. */
function eachOf(
  value: unknown,
  path: string,
  make: (item: unknown, path: string) => unknown,
): unknown {
  return Array.isArray(value)
    ? value.map((item, i) => make(item, `${path}.${i}`))
    : make(value, path);
}

function copyEach(
  value: unknown,
  path: string,
  make: (item: unknown, path: string) => unknown,
): unknown {
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, make(item, `${path}.${key}`)]),
  );
}

/** The same names with other values. */
export function mapFields(
  fields: Config | undefined,
  make: (value: unknown, name: string) => unknown,
): Config {
  return Object.fromEntries(
    Object.entries(fields ?? {}).map(([name, value]) => [name, make(value, name)]),
  );
}
