/** The undoing of what an actor has done, as its turn asks for it. */
import type { ActorSnapshot, MachineDefinition } from "../core/actor/mod.ts";
import type { Undo } from "../core/actor/envelope.ts";
import { underWay } from "./compensating.ts";
import type { Consequences } from "./consequences.ts";
import type { Ledger } from "./ledger.ts";
import { byHand } from "./letters.ts";

/** Of one turn. */
export class Undoing {
  readonly #ledger: Ledger;
  readonly #to: Consequences;

  constructor(ledger: Ledger, to: Consequences) {
    this.#ledger = ledger;
    this.#to = to;
  }

  /** The actor ends before its time: what was under way `before` may be done all the same, and is waited for. */
  waitFor(definition: MachineDefinition | null, before: ActorSnapshot | null): void {
    const { snapshot } = this.#ledger;
    const awaits = definition && before ? underWay(definition, before) : [];
    if (snapshot && awaits.length > 0) this.#ledger.snapshot = { ...snapshot, awaits };
  }

  /** It has ended so: what was done is undone in the reverse order; the job for it is part of this commit. */
  all(cause: string | null): void {
    const before = this.#ledger.snapshot;
    if (!before) return;
    const { undo = [], ...rest } = before;
    this.#ledger.snapshot = rest;
    this.#undo(undo.toReversed(), before, cause);
  }

  /** Of what was under way when it ended, something has succeeded: its mail was not read yet, or came later. */
  late({ childId, gen, output = null, error = null }: Readonly<Record<string, unknown>>): void {
    if (error !== null) return;
    const before = this.#ledger.snapshot;
    const found = before?.awaits?.find((each) => each.id === childId && each.gen === gen);
    if (!before || !found) return;
    const { awaits = [], ...rest } = before;
    const others = awaits.filter((each) => each !== found);
    this.#ledger.snapshot = others.length > 0 ? { ...rest, awaits: others } : rest;
    this.#undo([{ ...found, output }], before, "late");
  }

  #undo(undo: readonly Undo[], before: ActorSnapshot, cause: string | null): void {
    if (undo.length === 0) return;
    this.#to.compensate(undo);
    const effects = undo.map(({ src, id, gen }) => ({ kind: "compensate", src, id, gen } as const));
    this.#ledger.record("COMPENSATE", byHand(cause), this.#ledger.status, { effects, before });
  }
}
