/**
 * What XState takes for the actor system, for the time of one step: it names children as they are
 * made, finds actors by system id, and writes down what was asked for.
 */
import type { AnyTransitionDefinition } from "xstate";
import { childAddress, idOf } from "../address.ts";
import type { LiveEvent, Ref, Scene } from "../engine.ts";
import { ActorStalledError } from "../errors.ts";
import { InertRef, nameRef, refOf, refuseSnapshot } from "../refs.ts";

/** An action as XState hands it out. */
export interface Captured {
  readonly type: string;
  readonly params: unknown;
  readonly info?: unknown;
  readonly exec?: ((info: unknown, params: unknown) => unknown) | undefined;
}

/** A microstep as XState reports it. */
export interface Reported {
  readonly event: LiveEvent;
  readonly _transitions: readonly AnyTransitionDefinition[];
}

/** An `Actor` of XState's as it is being made: only children are. */
interface Newborn {
  id: string;
  readonly src: unknown;
  readonly options: {
    readonly id?: string;
    readonly systemId?: string;
    readonly syncSnapshot?: boolean;
    readonly input?: unknown;
  };
  getSnapshot: () => unknown;
}

/** The actor system of one step. Members with an underscore are what XState calls. */
export class System {
  readonly captured: Captured[] = [];
  readonly microsteps: Reported[] = [];
  /** Hears of actions. After the step it refers to nothing of it: see `Scope`. */
  readonly listener: (action: Captured) => void;
  readonly self: InertRef;
  readonly children: Record<string, InertRef> = {};
  readonly #scene: Scene;
  readonly #parent: InertRef | undefined;
  readonly #keyed = new Map<string, object>();
  readonly #remotes = new Map<string, InertRef>();
  /**
   * Addresses of children that have neither ended nor been stopped, by generation. System ids at and
   * below the others are free, though the registry may not have heard: they end in turns of their own.
   */
  readonly #living = new Map<string, number>();
  #newborn: Newborn | undefined;
  #isOpen = true;
  readonly #ear: Ear = { system: this };

  constructor(scene: Scene, own: () => unknown) {
    const { address, id, parent } = scene;
    this.#scene = scene;
    this.listener = listenerOf(this.#ear);
    if (parent !== undefined) this.#parent = this.#foreign({ address: parent }, parent);
    this.self = new InertRef(id, { address }, this, this.#parent, own);
    for (const child of scene.children) {
      const ref = { address: childAddress(address, child.id), gen: child.gen, child };
      const read = child.told ?? (() => refuseSnapshot(child.id));
      const object = new InertRef(child.id, ref, this, this.self, read);
      this.children[child.id] = object;
      if (child.ended) continue;
      this.#living.set(ref.address, child.gen);
      if (child.systemId !== undefined) this.#keyed.set(child.systemId, object);
    }
  }

  /** After the step nobody would hear what is sent. */
  close(): void {
    this.#isOpen = false;
    this.#ear.system = null;
  }

  /** The reference for an address. */
  refFrom(ref: Ref): InertRef {
    const { address, parent } = this.#scene;
    if (ref.address === address) return this.self;
    if (this.#parent && ref.address === parent) return this.#parent;
    for (const child of Object.values(this.children)) {
      const own = refOf(child);
      const isSame = ref.gen === undefined || ref.gen === own?.gen;
      if (own?.address === ref.address && isSame) return child;
    }
    const key = `${ref.address} ${ref.gen}`;
    const remote = this.#remotes.get(key) ?? this.#foreign(ref, idOf(ref.address, address));
    this.#remotes.set(key, remote);
    return remote;
  }

  capture(action: Captured): void {
    const stopped = action.type === "xstate.stopChild" ? refOf(Object(action.params)) : undefined;
    if (stopped) {
      const { address, gen, child } = stopped;
      if (this.#living.get(address) === gen) this.#living.delete(address);
      const systemId = child?.systemId ?? "";
      if (refOf(Object(this.#keyed.get(systemId)))?.gen === gen) this.#keyed.delete(systemId);
    }
    this.captured.push(action);
  }

  /** XState defers one thing itself: the start of a child that an assign has just spawned. */
  spawned(): void {
    const { options } = this.#newborn ?? {};
    const params = { actorRef: this.#newborn, input: options?.input };
    this.captured.push({ type: "xstate.spawnChild", params });
  }

  get = (systemId: string): object | undefined => {
    const own = this.#keyed.get(systemId);
    if (own) return own;
    const { registry } = this.#scene;
    const address = Object.hasOwn(registry, systemId) ? registry[systemId] : undefined;
    return address === undefined || this.#hasGone(address) ? undefined : this.refFrom({ address });
  };

  getAll = (): Record<string, object | undefined> => {
    const ids = [...Object.keys(this.#scene.registry), ...this.#keyed.keys()];
    return Object.fromEntries(ids.map((id) => [id, this.get(id)]));
  };

  /** It is, or is below, a child that has ended or been stopped. */
  #hasGone(address: string): boolean {
    const below = `${this.#scene.address}/`;
    if (!address.startsWith(below)) return false;
    const [id = ""] = address.slice(below.length).split("/");
    return !this.#living.has(`${below}${id}`);
  }

  _bookId = (): string => this.#scene.address;
  _register(): void {}
  _unregister(): void {}

  _set(systemId: string, actor: object): void {
    const holder = this.get(systemId);
    // A child in the place of another one, which ends with it or has ended already, has its system id as well.
    const isReplaced = refOf(Object(holder))?.address === refOf(actor)?.address;
    if (holder !== undefined && holder !== actor && !isReplaced) {
      throw new ActorStalledError(
        "system_id_taken",
        `systemIds.${systemId}`,
        `There already is an actor with the systemId "${systemId}"`,
      );
    }
    this.#keyed.set(systemId, actor);
  }

  _relay(_source: unknown, to: object, event: unknown): void {
    if (!this.#isOpen) throw new Error("Cannot send() from an action: use sendTo or raise");
    this.captured.push({ type: "xstate.sendTo", params: { to, event } });
  }

  _sendInspectionEvent(event: { type: string; actorRef: Newborn } & Reported): void {
    if (event.type === "@xstate.actor") this.#name(event.actorRef);
    if (event.type === "@xstate.microstep") this.microsteps.push(event);
  }

  /** Before any code can see an id that only this process knows. */
  #name(child: Newborn): void {
    const { src, options } = child;
    if (typeof src !== "string") {
      throw new ActorStalledError(
        "inline_actor",
        "",
        "Actor logic without a name: name it in setup({ actors }), and spawn it by that name",
      );
    }
    const gen = ++this.#scene.gens.child;
    const id = options.id ?? `${src}#${gen}`;
    const { systemId } = options;
    const about = { id, gen, src, systemId, sync: options.syncSnapshot === true, ended: false };
    child.id = id;
    child.getSnapshot = refusing(id);
    nameRef(child, { address: childAddress(this.#scene.address, id), gen, child: about });
    this.#newborn = child;
  }

  #foreign(ref: Ref, id: string): InertRef {
    return new InertRef(id, ref, this, undefined, () => refuseSnapshot(id));
  }
}

/** Who hears of actions while the step is made. */
interface Ear {
  system: System | null;
}

function listenerOf(ear: Ear): (action: Captured) => void {
  return (action) => ear.system?.capture(action);
}

/** By a function of its own: assigned as it is written, V8 would make it old at once. */
function refusing(id: string): () => never {
  return () => refuseSnapshot(id);
}
