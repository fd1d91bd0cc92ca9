/** What is deployed, read as data. */
import { parse } from "yaml";
import { z } from "zod";

const ROOT = new URL("../../", import.meta.url);

/** A file of the project as text. */
export function read(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}

const names = z.record(z.string(), z.string());
const condition = z.strictObject({
  condition: z.enum(["service_healthy", "service_completed_successfully", "service_started"]),
});

/** The part of the compose specification that we use; anything else is a typing error. */
const service = z.strictObject({
  image: z.string().regex(/:[^:]+$/, "A tag is needed"),
  build: z.strictObject({ context: z.string() }).optional(),
  command: z.array(z.string()).optional(),
  environment: names,
  depends_on: z.record(z.string(), condition).optional(),
  ports: z.array(z.string()).optional(),
  volumes: z.array(z.string()).optional(),
  healthcheck: z.union([
    z.strictObject({ disable: z.literal(true) }),
    z.strictObject({
      test: z.array(z.string()).min(2),
      interval: z.string(),
      timeout: z.string(),
      retries: z.int(),
    }),
  ]).optional(),
  restart: z.enum(["no", "unless-stopped"]),
  stop_grace_period: z.string().optional(),
  shm_size: z.string().optional(),
  read_only: z.literal(true).optional(),
  tmpfs: z.array(z.string()).optional(),
  cap_drop: z.tuple([z.literal("ALL")]).optional(),
  security_opt: z.array(z.string()).optional(),
  deploy: z.strictObject({ replicas: z.int() }).optional(),
});
const compose = z.strictObject({
  name: z.string(),
  "x-perdura": z.unknown(),
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.null()),
});

/** deploy/compose.yaml, checked strictly. */
export async function readCompose(): Promise<z.output<typeof compose>> {
  return compose.parse(parse(await read("deploy/compose.yaml"), { merge: true }));
}

/** One instruction of a Dockerfile. */
export interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** The Dockerfile, continued lines joined. */
export async function readDockerfile(): Promise<Instruction[]> {
  const text = (await read("Dockerfile")).replaceAll(/^\s*#.*\n/gm, "").replaceAll(/\\\n\s*/g, "");
  return text.split("\n").filter((line) => line.trim() !== "").map((line) => {
    const [, name = "", rest = ""] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    return { name: name.toUpperCase(), text: rest.trim() };
  });
}
