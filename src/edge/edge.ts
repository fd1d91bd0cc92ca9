/**
 * The API and the driver where there is no process of one's own: Cloudflare Workers, Deno Deploy, and
 * what is like them.
 *
 * `fetch` serves the API, `scheduled` runs one slice of work. On Workers a connection belongs to the
 * request that made it, so each request opens the database for itself and leaves it when its answer
 * has been sent to the end; put a pooler (Hyperdrive, PgBouncer) in front of PostgreSQL.
 */
import { systemClock } from "../core/clock.ts";
import { allowAll, demand, permitBearer } from "../http/access.ts";
import { createApp } from "../http/app.ts";
import { demandOptions } from "../core/options.ts";
import type { MachineDefinition } from "../core/actor/mod.ts";
import { edgeSchema } from "../library/options.ts";
import { Runtime } from "../library/runtime.ts";
import { type RuntimeSettings, withDefaults } from "../library/settings.ts";
import type { Driven, DriveOptions } from "../runtime/drive.ts";
import { Gatekeeper } from "../runtime/gatekeeper.ts";
import type { Handler } from "../runtime/handlers.ts";
import { type MachineEntry, Machines } from "../runtime/machines.ts";
import { openStore } from "../store/open.ts";
import { Stream } from "../ui/stream.ts";
import { openStream } from "../ui/stream_route.ts";

/** What runs here, and how. */
export interface EdgeProgram extends Partial<RuntimeSettings> {
  readonly handlers?: readonly Handler[];
  readonly machines?: readonly (MachineDefinition | MachineEntry)[];
  /** Milliseconds for a slice of `scheduled`. Default 20,000: below what platforms allow. */
  readonly budgetMs?: number;
}

/** What the platform gives by name. */
export interface EdgeEnvironment {
  /** The pooler's address, or PostgreSQL's. */
  readonly DATABASE_URL: string;
  /** Default `keys`. `none` lets everybody do everything: for tests on a machine of one's own. */
  readonly AUTH?: "keys" | "none";
}

/** What the platform gives with a request: work that may go on when it has been answered. */
export interface EdgeContext {
  waitUntil(work: Promise<unknown>): void;
}

/** `export default` of a Worker. */
export interface Edge {
  fetch(request: Request, env: EdgeEnvironment, context: EdgeContext): Promise<Response>;
  /** One slice of work, and another where more is due: within twice the budget. */
  scheduled(event: unknown, env: EdgeEnvironment, context?: EdgeContext): Promise<Driven>;
}

/**
 * Makes the two entries of a program. The schema is migrated elsewhere (`perdura migrate`).
 *
 * @throws {InvalidInputError} An option is unknown, or not what it should be.
 */
export function createEdge(program: EdgeProgram): Edge {
  demandOptions(edgeSchema, program, "program");
  const { budgetMs = 20_000 } = program;
  return {
    async fetch(request, env, context) {
      const opened = open(program, env);
      try {
        const response = await opened.serve(request);
        return leaving(response, context, opened.close);
      } catch (error) {
        context.waitUntil(opened.close());
        throw error;
      }
    },
    async scheduled(_event, env) {
      const opened = open(program, env);
      try {
        const first = await opened.drive({ budgetMs });
        return first.more ? await opened.drive({ budgetMs }) : first;
      } finally {
        await opened.close();
      }
    },
  };
}

interface Opened {
  serve(request: Request): Promise<Response>;
  drive(options: DriveOptions): Promise<Driven>;
  close(): Promise<void>;
}

function open(program: EdgeProgram, { DATABASE_URL, AUTH = "keys" }: EdgeEnvironment): Opened {
  const { handlers = [], machines = [] } = program;
  const store = openStore({
    url: DATABASE_URL,
    name: "perdura edge",
    isPooled: true,
    connections: 2,
  });
  const settings = withDefaults(program);
  const runtime = new Runtime(store, handlers, settings, {
    machines: new Machines(machines),
    prepare: false,
  });
  const permit = AUTH === "none" ? allowAll : permitBearer(new Gatekeeper(store.keys, systemClock));
  const stream = new Stream({ jobs: runtime.jobs, actors: runtime.actors });
  const drive = (options: DriveOptions) => runtime.drive(options);
  const app = createApp({
    jobs: runtime.jobs,
    actors: runtime.actors,
    isWritable: () => store.isWritable(),
    operating: { drive },
    permit,
    isLoopbackOnly: AUTH === "none",
  });
  app.get("/stream", async (c) => {
    const permission = await permit(c);
    demand(permission, "read");
    const { tenantId } = permission;
    return await store.within(tenantId, () => openStream(c, stream, tenantId));
  });
  const close = async () => {
    stream.close();
    await runtime.close();
  };
  return { serve: async (request) => await app.fetch(request), drive, close };
}

/** The answer, with the database left at the end of its body. */
function leaving(response: Response, context: EdgeContext, close: () => Promise<void>): Response {
  const { body } = response;
  if (body === null) {
    context.waitUntil(close());
    return response;
  }
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  // A client that goes away ends the body early; that is no error.
  context.waitUntil(body.pipeTo(writable).catch(() => {}).then(close));
  return new Response(readable, response);
}
