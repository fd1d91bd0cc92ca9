/** `start`: everything for the first minute. API here, the worker in a child that may die. */
import { getLogger } from "@logtape/logtape";
import { during } from "../runtime/starting.ts";
import { closeWithin, demandKeys, placeOf, serveApi } from "./api.ts";
import { demandPort } from "./listening.ts";
import { sayStart, untilSignal, whenAvailable, withStore } from "./service.ts";
import type { Settings } from "./settings.ts";

const log = getLogger(["perdura"]);

/** As the `worker` task has it: jobs are short-lived garbage, and a small nursery holds it as well. */
const WORKER_FLAGS = ["--v8-flags=--max-semi-space-size=4"];
const RESTART_MS = 200;
const RESTART_MS_MAX = 5_000;
/** A child that lived this long was healthy: the next restart is at once again. */
const HEALTHY_MS = 10_000;

/** Runs until it is told to stop. */
export async function runStart(settings: Settings): Promise<void> {
  const stopped = untilSignal(settings.SHUTDOWN_MS);
  const debug = settings.PERDURA_DEBUG ?? true;
  const name = "perdura api";
  sayStart(name);
  demandPort(placeOf(settings));
  await withStore(settings, { name, debug, isService: true }, async (store, url) => {
    await during("keys", () => whenAvailable(() => demandKeys(settings, store)));
    const api = await serveApi(settings, store, debug);
    const child = new WorkerProcess({ DATABASE_URL: url, PERDURA_DEBUG: debug ? "on" : "off" });
    child.keepAlive();
    await stopped;
    await Promise.all([
      closeWithin(settings.SHUTDOWN_MS * 0.8, api),
      child.stop(settings.SHUTDOWN_MS * 0.9),
    ]);
  });
}

/** The worker's process, started again whenever it dies: a crashing handler spares the API. */
class WorkerProcess {
  readonly #environment: Record<string, string>;
  #process: Deno.ChildProcess | null = null;
  #isStopping = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(environment: Record<string, string>) {
    this.#environment = environment;
  }

  keepAlive(): void {
    this.#ended = this.#loop();
  }

  /** SIGTERM, and SIGKILL to one that does not listen. */
  async stop(shutdownMs: number): Promise<void> {
    this.#isStopping = true;
    this.#signal("SIGTERM");
    const timer = setTimeout(() => this.#signal("SIGKILL"), shutdownMs);
    await this.#ended;
    clearTimeout(timer);
  }

  async #loop(): Promise<void> {
    let pauseMs = RESTART_MS;
    while (!this.#isStopping) {
      const startedAt = performance.now();
      const { code, signal } = await this.#runOnce();
      if (this.#isStopping) return;
      pauseMs = performance.now() - startedAt > HEALTHY_MS ? RESTART_MS : pauseMs * 2;
      log.error("Worker process died, starting another", { code, signal });
      await new Promise((done) => setTimeout(done, Math.min(pauseMs, RESTART_MS_MAX)));
    }
  }

  /** A system that has no room for a process now may have it later. */
  async #runOnce(): Promise<Pick<Deno.CommandStatus, "code" | "signal">> {
    try {
      this.#process = this.#spawn();
      return await this.#process.status;
    } catch (error) {
      log.error("Worker process could not be started", { error });
      return { code: -1, signal: null };
    }
  }

  #spawn(): Deno.ChildProcess {
    const main = new URL("../../main.ts", import.meta.url);
    return new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", ...WORKER_FLAGS, main.href, "worker", "--with-parent"],
      env: this.#environment,
      stdin: "piped",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
  }

  #signal(signal: Deno.Signal): void {
    try {
      this.#process?.kill(signal);
    } catch {
      // Already gone.
    }
  }
}
