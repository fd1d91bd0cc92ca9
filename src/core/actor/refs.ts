/**
 * References to actors that are elsewhere: in a row, not in this process.
 *
 * The machine's code gets them as `self`, from `system.get`, in its context and in events; XState
 * takes them for its own. They can be sent to, and that is a request of the step.
 */
import type { Ref } from "./engine.ts";
import { ActorStalledError } from "./errors.ts";

/** Which actor an object stands for. Of XState's own objects, the children made in a step. */
const known = new WeakMap<object, Ref>();

/** The actor behind an object. */
export function refOf(value: object): Ref | undefined {
  return known.get(value);
}

/** Says which actor an object stands for. */
export function nameRef(object: object, ref: Ref): void {
  known.set(object, ref);
}

/** What an actor reference must do; the rest of its interface is for actors that run. */
export class InertRef {
  readonly ref = this;
  readonly sessionId: string;
  readonly src: string;
  readonly systemId: string | undefined;

  constructor(
    readonly id: string,
    ref: Ref,
    readonly system: { _relay(source: undefined, target: object, event: unknown): void },
    readonly _parent: object | undefined,
    private readonly snapshot: () => unknown,
  ) {
    this.sessionId = ref.address;
    this.src = ref.child?.src ?? "";
    this.systemId = ref.child?.systemId;
    nameRef(this, ref);
    this.send = this.send.bind(this);
  }

  /** A request of the step that runs. */
  send(event: unknown): void {
    this.system._relay(undefined, this, event);
  }

  getSnapshot(): unknown {
    return this.snapshot();
  }

  getPersistedSnapshot(): unknown {
    return this.snapshot();
  }

  /** Nobody is there to hear: see `emit` and `onSnapshot`. */
  on(): { unsubscribe(): void } {
    return { unsubscribe() {} };
  }

  subscribe(): { unsubscribe(): void } {
    return { unsubscribe() {} };
  }

  start(): void {}
  stop(): void {}

  toJSON(): unknown {
    return { xstate$$type: 1, id: this.id };
  }
}

/** A child's state is in its own row, unless it tells it. */
export function refuseSnapshot(id: string): never {
  throw new ActorStalledError(
    "child_snapshot",
    `children.${id}`,
    `The state of "${id}" is not known here: invoke it with onSnapshot, or spawn it with ` +
      "syncSnapshot, or let it send what is needed",
  );
}

/** A reference outside of any step: it can be carried along, and stored again. */
class StoredRef {
  constructor(readonly address: string, readonly gen?: number) {
    nameRef(this, gen === undefined ? { address } : { address, gen });
  }
}

/** Decodes a reference into one that is only carried along. */
export function storedRef({ address, gen }: { address: string; gen?: number }): StoredRef {
  return new StoredRef(address, gen);
}
