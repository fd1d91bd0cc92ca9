/** Running PostgreSQL's programs: as the right user, in a clean environment. */

import { join } from "node:path";
import { EmbeddedError, messageOf } from "./errors.ts";
import type { Home } from "./home.ts";

/**
 * Nothing of ours is inherited: API keys do not belong in a server's environment, and a stray
 * PGDATA or PGOPTIONS would change what it does. LC_ALL keeps messages in English; TZ saves initdb
 * a search through all time zones.
 */
const ENVIRONMENT = { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" };

/** Path of one of the programs: `initdb`, `postgres`. */
export function programPath(home: Home, name: "initdb" | "postgres"): string {
  return join(home.binariesDir, "bin", name);
}

/** Runs a program to its end, feeding it `input`. Its error output is part of the error thrown. */
export async function runProgram(
  home: Home,
  command: readonly [string, ...string[]],
  input = "",
): Promise<void> {
  const child = spawnProgram(home, command, "piped");
  const writer = child.stdin.getWriter();
  // A program that dies early closes the pipe; its exit status tells the story.
  await writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(() => {});
  const { success, stderr } = await child.output();
  if (success) return;
  const text = new TextDecoder().decode(stderr);
  throw new EmbeddedError(`Cannot run ${command[0]}: ${messageOf(text)}`);
}

/**
 * Starts a program that outlives us: in a session of its own, so a Ctrl-C for our process group
 * does not reach it, and not waited for, so we may exit first.
 */
export function spawnDetached(
  home: Home,
  command: readonly [string, ...string[]],
): Deno.ChildProcess {
  const child = spawnProgram(home, command, "null");
  child.unref();
  return child;
}

function spawnProgram(
  home: Home,
  [program, ...args]: readonly [string, ...string[]],
  stdio: "piped" | "null",
): Deno.ChildProcess {
  const options: Deno.CommandOptions = {
    args,
    cwd: home.dir,
    clearEnv: true,
    env: ENVIRONMENT,
    stdin: stdio,
    stdout: "null",
    stderr: stdio,
    detached: stdio === "null",
    ...home.account,
  };
  try {
    return new Deno.Command(program, options).spawn();
  } catch (error) {
    const user = home.account ? ` as user "nobody"` : "";
    throw new EmbeddedError(
      `Cannot run ${program}${user}: ${messageOf(error)}; is "${home.dir}" on a file system ` +
        `mounted noexec? Set DATABASE_URL to use another server`,
      { cause: error },
    );
  }
}
