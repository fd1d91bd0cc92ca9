/** Commands of ours as processes of their own, killed at the end of a test if they are still there. */
import { eventually } from "../support/build.ts";

/** A running command. */
export interface Program extends AsyncDisposable {
  readonly process: Deno.ChildProcess;
  /** Where it listens. */
  url(): Promise<string>;
}

/** Starts one. */
export function startProgram(
  command: "worker" | "api",
  env: Record<string, string>,
): Program {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("../../main.ts", import.meta.url).pathname, command],
    env,
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let text = "";
  const reading = process.stderr.pipeThrough(new TextDecoderStream())
    .pipeTo(new WritableStream({ write: (chunk) => void (text += chunk) }));
  return {
    process,
    url: () =>
      eventually(
        "the API listens",
        () => Promise.resolve(/"url":"(http:[^"]+)"/.exec(text)?.[1]),
      ),
    [Symbol.asyncDispose]: async () => {
      try {
        process.kill("SIGKILL");
      } catch {
        // It has ended, as it should.
      }
      await process.status;
      await reading;
    },
  };
}
