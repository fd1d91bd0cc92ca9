/**
 * The address of the server: port and password, kept in `database-url` and nowhere else.
 *
 * The file in the home folder is the record; when the state folder is another one, it holds a copy
 * for people and tools to find.
 */

import { join } from "node:path";
import { EmbeddedError } from "./errors.ts";
import { readText, writeFileAtomic } from "./files.ts";
import type { Home } from "./home.ts";

export interface Address {
  readonly password: string;
  readonly port: number;
}

const FILE = "database-url";

/** The connection URL of an address. */
export function urlOf({ password, port }: Address): string {
  return `postgres://perdura:${password}@127.0.0.1:${port}/perdura`;
}

/** The address on record, or undefined before the first start. */
export async function readAddress(home: Home): Promise<Address | undefined> {
  return parseAddress(await readText(join(home.dir, FILE))) ??
    parseAddress(await readText(join(home.stateDir, FILE)));
}

/** Records an address. Writes only what differs. Call it under the start lock. */
export async function recordAddress(home: Home, address: Address): Promise<void> {
  const text = `${urlOf(address)}\n`;
  for (const folder of new Set([home.dir, home.stateDir])) {
    const path = join(folder, FILE);
    if (await readText(path) !== text) await writeFileAtomic(path, text, { mode: 0o600 });
  }
}

/** 32 random bytes. */
export function createPassword(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
}

/** True if a server could listen on this port now. */
export function isPortFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch {
    return false;
  }
}

/**
 * A free port between 20000 and 29999.
 *
 * Below the ranges from which Linux and macOS take the ports of outgoing connections. Inside them a
 * client that reconnects while the server is down may be given this very port for its own end and
 * so take it away from the server.
 */
export function chooseFreePort(): number {
  for (let attempt = 0; attempt < 100; attempt++) {
    const random = crypto.getRandomValues(new Uint16Array(1))[0] ?? 0;
    const port = 20_000 + random % 10_000;
    if (isPortFree(port)) return port;
  }
  throw new EmbeddedError("Cannot find a free port for PostgreSQL between 20000 and 29999");
}

function parseAddress(text: string | undefined): Address | undefined {
  const url = URL.parse(text?.trim() ?? "");
  if (!url || url.password === "" || url.port === "") return undefined;
  return { password: url.password, port: Number(url.port) };
}
