/** Calls in both directions between two threads that send each other messages. */
import { systemClock } from "../core/clock.ts";
import { describeError, type JobError } from "../core/failure.ts";

type Message =
  | {
    readonly kind: "call";
    readonly id: number;
    readonly method: string;
    readonly args: never[];
  }
  | { readonly kind: "answer"; readonly id: number; readonly value: never }
  | { readonly kind: "failure"; readonly id: number; readonly error: JobError };

/** What the other side may call. */
export type Methods = Readonly<Record<string, (...args: never[]) => unknown>>;

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/** One side. Give it every message that comes in. */
export class Peer {
  readonly #post: (message: unknown) => void;
  readonly #methods: Methods;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;

  constructor(post: (message: unknown) => void, methods: Methods) {
    this.#post = post;
    this.#methods = methods;
  }

  /** Calls the other side. Arguments and result are cloned; `T` is what its method gives. */
  call<T>(method: string, ...args: unknown[]): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const id = this.#next++;
      this.#waiting.set(id, { resolve, reject });
      try {
        this.#post({ kind: "call", id, method, args });
      } catch (error) {
        this.#waiting.delete(id);
        reject(error);
      }
    });
  }

  /** The other side is gone: nobody answers any more. */
  close(error: unknown): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  /** Takes a message of the other side. */
  receive(message: Message): void {
    if (message.kind === "call") return void this.#serve(message);
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.kind === "answer") waiting?.resolve(message.value);
    else waiting?.reject(errorOf(message.error));
  }

  async #serve({ id, method, args }: Extract<Message, { kind: "call" }>): Promise<void> {
    try {
      const run = this.#methods[method];
      if (!run) throw new TypeError(`Nobody answers "${method}"`);
      this.#post({ kind: "answer", id, value: await run(...args) });
    } catch (thrown) {
      this.#post({
        kind: "failure",
        id,
        error: describeError(thrown, new Date(systemClock.now())),
      });
    }
  }
}

/** An error as a retry policy knows it; its class stays on the other side. */
export function errorOf({ name, message, code, retryable }: JobError): Error {
  return Object.assign(new Error(message), { name, code, retryable });
}
