/**
 * A process for the tests: attaches to the folder given, tells about it in JSON lines, and leaves
 * when its input says anything. Killing it is the tests' business.
 */

import { attachEmbedded } from "../../src/embedded/server.ts";

const say = (line: Record<string, unknown>) =>
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));

const server = await attachEmbedded({
  dir: Deno.args[0] ?? "",
  durable: false,
  onProgress: (progress) => say({ progress }),
});
say({ url: server.url, adopted: server.adopted });
await Deno.stdin.read(new Uint8Array(1));
await server.close();
say({ closed: true });
