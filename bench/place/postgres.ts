/** The one PostgreSQL of a run: the embedded server with its production settings, made for the run. */
import postgres from "postgres";
import { attachEmbedded } from "../../src/embedded/server.ts";
import { say } from "../report/say.ts";

/** The server and what the benchmark does with it. */
export class Server {
  readonly #admin: postgres.Sql;

  private constructor(
    readonly url: string,
    /** The process whose children do the work. */
    readonly pid: number,
    readonly close: () => Promise<void>,
  ) {
    this.#admin = postgres(url, { max: 1, onnotice: () => {} });
  }

  /** Starts it in a folder of its own. */
  static async start(dir: string): Promise<Server> {
    const embedded = await attachEmbedded({ dir, onProgress: say });
    const pidFile = await Deno.readTextFile(
      `${embedded.dataDir}/postmaster.pid`,
    );
    const server = new Server(
      embedded.url,
      Number(pidFile.split("\n")[0]),
      async () => {
        await server.#admin.end({ timeout: 1 });
        await embedded.close();
      },
    );
    return server;
  }

  /** The address of one of its databases. */
  urlOf(database: string): string {
    const url = new URL(this.url);
    url.pathname = `/${database}`;
    return url.href;
  }

  async create(database: string): Promise<void> {
    await this.#admin.unsafe(`create database ${database}`);
  }

  /** A copy of a database that nobody is connected to. */
  async copy(from: string, to: string): Promise<void> {
    await this.#admin`
      select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = ${from}`;
    await this.#admin.unsafe(
      `create database ${to} template ${from} strategy file_copy`,
    );
  }

  async drop(database: string): Promise<void> {
    await this.#admin.unsafe(
      `drop database if exists ${database} with (force)`,
    );
  }

  /** Before every measurement: the same start for all, no vacuum or checkpoint left over. */
  async settle(): Promise<void> {
    await this.#admin`checkpoint`;
  }

  async vacuum(database: string): Promise<void> {
    await using sql = this.connect(database);
    await sql.unsafe("vacuum analyze");
  }

  /** One statement in a database. */
  async run(database: string, text: string): Promise<readonly postgres.Row[]> {
    await using sql = this.connect(database);
    return await sql.unsafe(text);
  }

  /** A connection of its own. `await using` ends it. */
  connect(database: string): postgres.Sql & AsyncDisposable {
    const sql = postgres(this.urlOf(database), { max: 1, onnotice: () => {} });
    return Object.assign(sql, {
      [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }),
    });
  }

  /** Bytes of WAL written so far. */
  async wal(): Promise<number> {
    const [row] = await this.#admin`
      select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as bytes`;
    return row?.bytes;
  }

  /** Its version and the settings that matter here. */
  async settings(): Promise<Record<string, string>> {
    const rows = await this.#admin<{ name: string; value: string }[]>`
      select name, current_setting(name) as value from pg_settings
       where name in ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes',
         'wal_sync_method', 'data_checksums', 'shared_buffers', 'max_wal_size',
         'checkpoint_timeout', 'autovacuum_naptime', 'max_connections', 'jit')`;
    return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  }
}
