/** An agent as the harness sees it: a child process that takes commands. */
import { TextLineStream } from "./lines.ts";
import type { Commands, News } from "./agent.ts";
import type { AgentConfig } from "./system.ts";

/** How to start the program of a system. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

const ERROR_LENGTH = 2_000;

/** A running agent. `await using` kills it. */
export class Agent implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #ended = 0;
  #errors = "";
  #onNews: () => void = () => {};

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#writer = child.stdin.getWriter();
    void this.#listen();
    void this.#collectErrors();
  }

  /** Starts the program and waits until it is up. @throws {Error} It ends before that. */
  static async start(program: Program, config: AgentConfig): Promise<Agent> {
    const child = new Deno.Command(program.command, {
      args: [...program.args, JSON.stringify(config)],
      env: { NO_COLOR: "1", ...program.env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const agent = new Agent(child);
    await agent.#expect(0);
    return agent;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Handler runs that have ended, as far as told. */
  get ended(): number {
    return this.#ended;
  }

  /** Called whenever `ended` rises. */
  set onNews(onNews: () => void) {
    this.#onNews = onNews;
  }

  /** Sends a command. @throws {Error} The system's error, or the process is gone. */
  async call<C extends keyof Commands>(
    command: C,
    args: Commands[C][0],
  ): Promise<Commands[C][1]> {
    const id = this.#nextId++;
    const answer = this.#expect(id);
    const line = `${JSON.stringify({ id, command, args })}\n`;
    await this.#writer.write(new TextEncoder().encode(line)).catch(() => {});
    return await answer as Commands[C][1];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#writer.abort().catch(() => {});
    await this.#child.status;
  }

  #expect(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  async #listen(): Promise<void> {
    const lines = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    for await (const line of lines) {
      if (line.startsWith("@bench ")) {
        this.#onMessage(JSON.parse(line.slice(7)));
      }
    }
    const gone = new Error(
      `The process ended: ${this.#errors.trim() || "without a word"}`,
    );
    for (const { reject } of this.#waiting.values()) reject(gone);
    this.#waiting.clear();
  }

  #onMessage(
    message: News | { id: number; result?: unknown; error?: string },
  ): void {
    if ("ended" in message) {
      this.#ended = message.ended;
      this.#onNews();
      return;
    }
    const id = "ready" in message ? 0 : message.id;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if ("error" in message && message.error !== undefined) {
      waiting?.reject(new Error(message.error));
    } else {
      waiting?.resolve("result" in message ? message.result : null);
    }
  }

  async #collectErrors(): Promise<void> {
    for await (
      const text of this.#child.stderr.pipeThrough(new TextDecoderStream())
    ) {
      this.#errors = (this.#errors + text).slice(-ERROR_LENGTH);
    }
  }
}
