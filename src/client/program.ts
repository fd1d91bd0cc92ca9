/**
 * What a client knows of the program that it talks to: its types, and nothing at run time.
 *
 * `createClient<typeof program>({ url })`, where `program` holds what `createRuntime` was given.
 */
import type { MachineDefinition } from "../core/actor/mod.ts";
import type { Job, NewJobInput } from "../core/job.ts";
import type { Answered, Json } from "../core/json.ts";
import type { Handler } from "../runtime/handlers.ts";
import type { MachineEntry } from "../runtime/machines.ts";

/** Handlers and machines, as `createRuntime` takes them. What is left out is not typed. */
export interface Program {
  readonly handlers?: readonly Handler[];
  readonly machines?: readonly (MachineDefinition | MachineEntry)[];
}

/** Its handlers. */
export type HandlerIn<P extends Program> = P extends
  { readonly handlers: readonly (infer H extends Handler)[] } ? H : Handler;

/** The types of its jobs. */
export type TypeIn<P extends Program> = HandlerIn<P>["type"];

type Exactly<H extends Handler, Type extends string> = H extends unknown
  ? string extends H["type"] ? never : Type extends H["type"] ? H : never
  : never;
/** Beside handlers of which only that is known, those of a name are found by it. */
type HandlerFor<H extends Handler, Type extends string> = [Exactly<H, Type>] extends [never]
  ? Handler
  : Exactly<H, Type>;
type ShapeFor<P extends Program, Type extends string> = NonNullable<
  HandlerFor<HandlerIn<P>, Type>["shape"]
>;

/** What jobs of a type are sent with. */
export type PayloadIn<P extends Program, Type extends string> = ShapeFor<P, Type>["input"];

/** What jobs of a type give, as JSON has it. */
export type OutputIn<P extends Program, Type extends string> = [Type] extends [never] ? Json
  : Answered<ShapeFor<P, Type>["output"]>;

/** The options of a job, beside type and payload. */
export type JobOptions = Readonly<Omit<NewJobInput, "type" | "payload">>;

/** One job of many. */
export type JobIn<P extends Program> = NewJobOf<HandlerIn<P>>;
type NewJobOf<H extends Handler> = H extends Handler<infer Type, infer Input> ?
    & JobOptions
    & { readonly type: Type }
    & (unknown extends Input ? { readonly payload?: unknown }
      : { readonly payload: Input })
  : never;

/** What the API gives of a job. */
export interface JobResource<Output = Json> extends Omit<Job, "leaseId" | "output"> {
  /** Null before it has succeeded. */
  readonly output: Output | null;
  /** Events that a client may send now. */
  readonly accepts: readonly string[];
}

type DefinitionOf<M> = M extends MachineDefinition ? M
  : M extends { readonly definition: infer D extends MachineDefinition } ? D
  : never;

/** Its machines. */
export type MachineIn<P extends Program> = P extends
  { readonly machines: readonly (infer M extends MachineDefinition | MachineEntry)[] }
  ? DefinitionOf<M>
  : MachineDefinition;

/** The names of its machines. */
export type MachineNameIn<P extends Program> = MachineIn<P>["name"];

/** The machine of a name. */
export type MachineNamed<P extends Program, Name extends string> = Named<MachineIn<P>, Name>;
type Named<D extends MachineDefinition, Name extends string> = D extends unknown
  ? Name extends D["name"] ? D : never
  : never;
