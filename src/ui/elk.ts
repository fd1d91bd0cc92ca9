/** ELK, whose module is typed as if it were none. */
import type { ELK } from "elkjs";
import elkModule from "elkjs/lib/elk.bundled.js";

/** A layout engine. */
export function newElk(): ELK {
  const constructor: unknown = elkModule;
  if (typeof constructor !== "function") throw new TypeError("elkjs has changed its module");
  return Reflect.construct(constructor, []);
}
