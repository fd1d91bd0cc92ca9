/// <reference lib="webworker" />
/** The thread of one isolated attempt: imports the handler's module and runs the handler. */
import { PermanentError } from "../core/errors.ts";
import type { TransactionSql } from "../store/store.ts";
import type { HandlerContext } from "./context.ts";
import { declaredHandler } from "./handlers.ts";
import { type IsolatedCall, sentOf, type SentResult } from "./isolation.ts";
import type { Lock, LockOptions } from "./locks.ts";
import { Peer } from "./peer.ts";

type Work = (handle?: number) => unknown;

const stopping = new AbortController();
const works = new Map<number, Work>();
const lost = new Map<number, AbortController>();
let next = 0;

const peer: Peer = new Peer((message) => self.postMessage(message), {
  run,
  abort: () => stopping.abort(new DOMException("Stopped", "AbortError")),
  work: async (id: number, handle?: number) => await works.get(id)?.(handle),
  lockLost: (handle: number) => lost.get(handle)?.abort(),
});

// A thread that ends itself says nothing of its own accord: the attempt would wait for its timeout.
const exited = () => void peer.call("exited").catch(() => {});
self.addEventListener("unload", exited);
const close = self.close.bind(self);
self.close = () => {
  exited();
  close();
};

self.onmessage = ({ data }: MessageEvent) => peer.receive(data);

async function run({ module, type, payload, job }: IsolatedCall): Promise<SentResult> {
  await import(module);
  const handle = declaredHandler(type);
  if (!handle) {
    throw new PermanentError(
      `No handler of type "${type}" is declared by importing ${module}: an isolated one is declared at ` +
        "the top of its module",
    );
  }
  return sentOf(await handle(payload, contextOf(job)));
}

function contextOf(job: IsolatedCall["job"]): HandlerContext {
  return {
    job,
    signal: stopping.signal,
    idempotencyKey: job.id,
    log: (message, data, level) => void peer.call("log", message, data, level).catch(() => {}),
    progress: (value) => void peer.call("progress", value).catch(() => {}),
    step: (name, work) => lend(work, (id) => peer.call("step", name, id)),
    file: () => Promise.reject(new Error("Files are not to be had in an isolated handler")),
    stepTransaction: (name, write) =>
      lend((handle) => write(sqlOf(handle ?? -1)), (id) => peer.call("stepTransaction", name, id)),
    transaction: (write) =>
      lend((handle) => write(sqlOf(handle ?? -1)), (id) => peer.call("transaction", id)),
    lock,
  };
}

/** Lets the other side call a function for as long as it is busy with it. */
async function lend<T>(work: Work, ask: (id: number) => Promise<T>): Promise<T> {
  const id = next++;
  works.set(id, work);
  try {
    return await ask(id);
  } finally {
    works.delete(id);
  }
}

function sqlOf(handle: number): TransactionSql {
  return (strings, ...values) => peer.call("sql", handle, [...strings], values);
}

async function lock(name: string, options?: LockOptions): Promise<Lock> {
  const taken = await peer.call<{ handle: number; token: number }>("lock", name, options);
  const controller = new AbortController();
  lost.set(taken.handle, controller);
  const release = async () => void await peer.call("unlock", taken.handle);
  const signal = AbortSignal.any([controller.signal, stopping.signal]);
  return { name, token: taken.token, signal, release, [Symbol.asyncDispose]: release };
}
