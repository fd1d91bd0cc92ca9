/** Bundles the Worker into one file: `deno task bundle`. */
import { build, type Plugin, stop } from "esbuild";

const HERE = new URL(".", import.meta.url);

/** SQL ships as text, as Deno has it. */
const text: Plugin = {
  name: "text",
  setup(build) {
    build.onLoad({ filter: /\.(sql|json)$/ }, async ({ path, with: attributes }) => ({
      contents: await Deno.readTextFile(path),
      loader: attributes.type === "text" ? "text" : "json",
    }));
  },
};

/** Writes the bundle and gives its path. */
export async function bundle(outfile: string): Promise<string> {
  try {
    await build({
      entryPoints: [new URL("cloudflare.ts", HERE).pathname],
      outfile,
      bundle: true,
      format: "esm",
      target: "es2024",
      conditions: ["workerd", "worker", "browser"],
      external: ["cloudflare:*", "node:*"],
      // The sources above have no packages beside them: these are ours.
      nodePaths: [new URL("node_modules", HERE).pathname],
      alias: {
        "perdura": new URL("../mod.ts", HERE).pathname,
        "perdura/actor": new URL("../src/core/actor/mod.ts", HERE).pathname,
      },
      plugins: [text],
      logLevel: "warning",
    });
  } finally {
    await stop();
  }
  return outfile;
}

if (import.meta.main) {
  await Deno.mkdir(new URL(".out", HERE), { recursive: true });
  await bundle(new URL(".out/worker.js", HERE).pathname);
}
