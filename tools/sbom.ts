/** A bill of materials (CycloneDX 1.6) from a lock: every package, its version, its hash. */
import { z } from "zod";

const lockSchema = z.object({
  npm: z.record(
    z.string(),
    z.object({ integrity: z.string().optional(), dependencies: z.array(z.string()).default([]) }),
  ),
});

/** The document of a lock's text. */
export function bomOf(lock: string): object {
  const { npm } = lockSchema.parse(JSON.parse(lock));
  const components = Object.entries(npm).map(([id, { integrity }]) => componentOf(id, integrity));
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: { type: "application", name: "perdura", "bom-ref": "perdura" } },
    components: [...new Map(components.map((each) => [each["bom-ref"], each])).values()],
  };
}

/** `@scope/name@1.2.3_peer@4` is version 1.2.3; what stands after it is how it was resolved. */
function componentOf(id: string, integrity: string | undefined) {
  const [, name = id, version = ""] = /^(@?[^@]+)@([^_]+)/.exec(id) ?? [];
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  const [algorithm, hash] = integrity?.split("-") ?? [];
  return {
    type: "library",
    name,
    version,
    purl,
    "bom-ref": purl,
    ...(algorithm === "sha512" && hash ? { hashes: [{ alg: "SHA-512", content: hex(hash) }] } : {}),
  };
}

function hex(base64: string): string {
  return Array.from(atob(base64), (c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}

if (import.meta.main) {
  const [path = "deno.lock"] = Deno.args;
  const bom = JSON.stringify(bomOf(await Deno.readTextFile(path)), null, 2);
  await Deno.stdout.write(new TextEncoder().encode(`${bom}\n`));
}
