/** Where measurements are made: databases filled once and copied for each, processes, Redis. */
import { Agent, type Program } from "../agent/process.ts";
import type { FillPlan } from "../agent/jobs.ts";
import type { Installed } from "../place/install.ts";
import type { Server } from "../place/postgres.ts";
import { startRedis } from "../place/redis.ts";
import type { Contestant } from "./contestants.ts";

/** Programs that run on Deno, from `bench/ours/`. */
const OWN_SYSTEMS: readonly string[] = ["perdura", "actors"];

/** A store that is ready for one measurement. */
export interface Place extends AsyncDisposable {
  readonly url: string;
  /** Name of the database; null in Redis. */
  readonly database: string | null;
  /** The process that stores. */
  readonly pid: number;
}

/** What a store holds before the measurement. */
export interface Contents {
  readonly fills: readonly FillPlan[];
  /** Jobs beyond the first fill are a backlog that nobody waits for: ours alone measures that. */
  readonly hasBacklog?: boolean;
  /** Finished jobs that are there already. */
  readonly finished?: number;
}

export const EMPTY: Contents = { fills: [] };

const ROOT = new URL("../../", import.meta.url).pathname;
/** As the task `worker` starts it. */
const OURS = [
  "run",
  "-A",
  "--config",
  `${ROOT}deno.json`,
  "--v8-flags=--max-semi-space-size=4",
];
const NODE_FLAGS = ["--disable-warning=MODULE_TYPELESS_PACKAGE_JSON"];

/** Makes places and starts agents. */
export class Lab {
  readonly #templates = new Map<string, Promise<string>>();
  #count = 0;

  constructor(
    readonly server: Server,
    readonly installed: Installed,
    /** Files of Redis. */
    readonly folder: string,
  ) {}

  /** Why a contestant cannot take part; null: it can. */
  obstacle({ system, store }: Contestant): string | null {
    const { node, redis, missing } = this.installed;
    if (OWN_SYSTEMS.includes(system)) return null;
    if (node === null) return missing.peers ?? missing.node ?? "no Node";
    if (store !== "postgres" && redis === null) {
      return missing.redis ?? "no Redis";
    }
    if (system === "absurd" && !Deno.env.get("ABSURD_SQL")) {
      return "its npm package has no schema: set ABSURD_SQL to a copy of sql/absurd.sql";
    }
    return null;
  }

  /** Starts a process of a contestant. */
  start({ system, variant }: Contestant, place: Place): Promise<Agent> {
    const file = `${ROOT}bench/${OWN_SYSTEMS.includes(system) ? "ours" : "peers"}/${system}.ts`;
    const program: Program = OWN_SYSTEMS.includes(system)
      ? { command: Deno.execPath(), args: [...OURS, file], env: {} }
      : {
        command: this.installed.node ?? "node",
        args: [...NODE_FLAGS, file],
        env: { NODE_ENV: "production" },
      };
    return Agent.start(program, { url: place.url, variant });
  }

  /** A store with these contents. The same contents are made once and copied. */
  async prepare(who: Contestant, contents: Contents): Promise<Place> {
    if (who.store !== "postgres") {
      return await this.#prepareRedis(who, contents);
    }
    const key = JSON.stringify([
      who.system,
      who.system === "pgboss" && who.variant,
      contents,
    ]);
    const made = this.#templates.get(key) ?? this.#makeTemplate(who, contents);
    this.#templates.set(key, made);
    const template = await made;
    const database = this.#newName();
    await this.server.copy(template, database);
    return this.#placeOf(database);
  }

  /** A database that is used as it is, round after round. */
  async keep(who: Contestant, contents: Contents): Promise<Place> {
    const key = JSON.stringify(["kept", who.system, contents]);
    const made = this.#templates.get(key) ?? this.#makeTemplate(who, contents);
    this.#templates.set(key, made);
    return {
      ...this.#placeOf(await made),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  async #makeTemplate(who: Contestant, { fills, finished }: Contents): Promise<string> {
    const database = this.#newName();
    await this.server.create(database);
    const place = this.#placeOf(database);
    {
      await using agent = await this.start(who, place);
      await agent.call("setUp", null);
    }
    await using agent = await this.start(who, place);
    if (finished !== undefined) await this.#finishJobs(place, agent, finished);
    for (const plan of fills) await agent.call("fill", plan);
    await this.server.vacuum(database);
    return database;
  }

  /** Runs a few jobs to their end, and multiplies what they left behind. */
  async #finishJobs({ database }: Place, agent: Agent, jobs: number): Promise<void> {
    const seed = 1000;
    await agent.call("fill", { jobs: seed });
    await agent.call("work", { concurrency: null });
    while (await agent.call("isBusy", null)) {
      await new Promise((done) => setTimeout(done, 50));
    }
    for (const [table, id] of [["job_archive", "id"], ["transition", "job_id"]] as const) {
      const columns = await this.server.run(
        database ?? "",
        `select attname as name from pg_attribute
          where attrelid = 'perdura.${table}'::regclass and attnum > 0 and not attisdropped`,
      );
      const names = columns.map(({ name }) => String(name));
      await this.server.run(
        database ?? "",
        `insert into perdura.${table} (${names.join()})
         select ${names.map((name) => name === id ? "uuidv7()" : name).join()}
           from (select * from perdura.${table}) a, generate_series(2, ${jobs / seed})`,
      );
    }
  }

  async #prepareRedis(who: Contestant, { fills }: Contents): Promise<Place> {
    const folder = `${this.folder}/redis-${this.#count++}`;
    const persistence = who.store === "redis" ? "default" : "always";
    const redis = await startRedis(this.installed.redis ?? "redis-server", folder, persistence);
    const place: Place = {
      url: redis.url,
      database: null,
      pid: redis.pid,
      [Symbol.asyncDispose]: async () => {
        await redis.close();
        await Deno.remove(folder, { recursive: true }).catch(() => {});
      },
    };
    await using agent = await this.start(who, place);
    for (const plan of fills) await agent.call("fill", plan);
    return place;
  }

  #placeOf(database: string): Place {
    return {
      url: this.server.urlOf(database),
      database,
      pid: this.server.pid,
      [Symbol.asyncDispose]: () => this.server.drop(database),
    };
  }

  #newName(): string {
    return `bench_${this.#count++}`;
  }
}
