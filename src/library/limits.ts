/** Limits and pauses as programs set them: what the API does by `PUT …/limits` and `POST …/pause`. */
import { z } from "zod";
import { InvalidInputError } from "../core/errors.ts";
import {
  GATE_KINDS,
  type GateKind,
  type GateName,
  limitsSchema,
  tenantLimitsSchema,
} from "../core/gate.ts";
import { nameSchema } from "../core/forms.ts";
import { DEFAULT_TENANT, issuesOf } from "../core/job.ts";
import type { GateView, Limiting } from "../runtime/limiting.ts";

/** What is limited: a tenant, one of its queues or limit keys, or a type. */
export interface LimitAim {
  readonly kind: GateKind;
  /** Of the queue, the type or the limit key; a tenant is named by `tenantId` alone. */
  readonly name?: string | undefined;
  /** Default `default`; of a type: all tenants together. */
  readonly tenantId?: string | undefined;
}

/** All limits of something: what is left out is no limit. `backlog` is of tenants alone. */
export type NewLimits = z.input<typeof tenantLimitsSchema>;

const aimSchema = z.strictObject({
  kind: z.enum(GATE_KINDS),
  name: nameSchema.optional(),
  tenantId: nameSchema.optional(),
}).refine(({ kind, name }) => (kind === "tenant") === (name === undefined), {
  path: ["name"],
  message: "Names a queue, a type or a limit key; a tenant has its tenantId",
});

/** Every process obeys within a second. All throw `InvalidInputError` for what cannot be. */
export class LimitDesk {
  readonly #limiting: Limiting;

  constructor(limiting: Limiting) {
    this.#limiting = limiting;
  }

  /** How it stands, whether anything is set on it or not. */
  async get(aim: LimitAim): Promise<GateView> {
    return await this.#limiting.view(gateOf(aim));
  }

  /** Sets all of its limits. */
  async set(aim: LimitAim, limits: NewLimits): Promise<GateView> {
    const gate = gateOf(aim);
    const schema = gate.kind === "tenant" ? tenantLimitsSchema : limitsSchema;
    const { weight, ...rest } = checked(schema, limits, "limits");
    return await this.#limiting.setLimits(gate, { backlog: null, ...rest, weight: weight ?? 1 });
  }

  /** Starts nothing of it; what runs goes on. */
  async pause(aim: LimitAim): Promise<GateView> {
    return await this.#limiting.setFlow(gateOf(aim), "paused");
  }

  /** Starts its jobs again, and takes new ones. */
  async resume(aim: LimitAim): Promise<GateView> {
    return await this.#limiting.setFlow(gateOf(aim), "open");
  }

  /** Takes no new jobs, and works off those it has. */
  async drain(aim: LimitAim): Promise<GateView> {
    return await this.#limiting.setFlow(gateOf(aim), "draining");
  }
}

function gateOf(aim: LimitAim): GateName {
  const { kind, name = "", tenantId } = checked(aimSchema, aim, "aim");
  return { kind, name, tenantId: tenantId ?? (kind === "type" ? null : DEFAULT_TENANT) };
}

function checked<Schema extends z.ZodType>(schema: Schema, given: unknown, place: string) {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const at = (path: string) => path === "" ? place : `${place}.${path}`;
  throw new InvalidInputError(issuesOf(parsed.error, at));
}
