/** PgBouncer in transaction mode, in front of the test server. */
import { chooseFreePort } from "../../src/embedded/address.ts";

/** A running pooler. `await using` ends it. */
export interface Pooler extends AsyncDisposable {
  /** The address of a database of the test server, through the pooler. */
  urlOf(url: string): string;
}

/** The program: PGBOUNCER's, or Debian's. Null: not on this machine. */
export async function findPgbouncer(): Promise<string | null> {
  for (const program of [Deno.env.get("PGBOUNCER"), "pgbouncer", "/usr/sbin/pgbouncer"]) {
    if (!program) continue;
    const isThere = await isProgram(program);
    if (isThere) return program;
  }
  return null;
}

/** A program that is not there fails before there is a promise: so the call is inside of one. */
async function isProgram(name: string): Promise<boolean> {
  try {
    const command = new Deno.Command(name, { args: ["--version"], stdout: "null", stderr: "null" });
    return (await command.output()).success;
  } catch {
    return false;
  }
}

/** Starts one with `size` connections to each database: fewer than its clients, so that they share. */
export async function startPooler(program: string, server: string, size: number): Promise<Pooler> {
  const { hostname, port, username, password } = new URL(server);
  const dir = await Deno.makeTempDir({ prefix: "perdura-pooler-" });
  // Not one that any other listener or connection may be given meanwhile.
  const own = chooseFreePort();
  const login = `user=${username}${password ? ` password=${decodeURIComponent(password)}` : ""}`;
  const host = hostname.replaceAll(/[[\]]/g, "");
  await Deno.writeTextFile(
    `${dir}/pgbouncer.ini`,
    `[databases]
* = host=${host} port=${port || 5432} ${login}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${size}
max_client_conn = 500
server_round_robin = 1
log_connections = 0
log_disconnections = 0
`,
  );
  // It refuses to run as root.
  const isRoot = Deno.uid() === 0;
  if (isRoot) {
    await Deno.chmod(dir, 0o755);
    await Deno.chmod(`${dir}/pgbouncer.ini`, 0o644);
  }
  const child = new Deno.Command(program, {
    args: [...(isRoot ? ["-u", "nobody"] : []), `${dir}/pgbouncer.ini`],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const said = new Response(child.stderr).text();
  await untilListening(own, child).catch(async (error) => {
    throw new Error(`${error}: ${await said}`);
  });
  return {
    urlOf: (url) => {
      const through = new URL(url);
      through.hostname = "127.0.0.1";
      through.port = String(own);
      return through.href;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.status;
      await said;
      await Deno.remove(dir, { recursive: true });
    },
  };
}

async function untilListening(port: number, child: Deno.ChildProcess): Promise<void> {
  let isOver = false;
  child.status.then(() => isOver = true);
  for (let tries = 0; tries < 4_800 && !isOver; tries++) {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => null);
    if (connection) return connection.close();
    await new Promise((done) => setTimeout(done, 25));
  }
  throw new Error("PgBouncer does not listen");
}
