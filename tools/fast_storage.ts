/**
 * A place in memory for the databases of the tests, where there is plenty: each test has one of its own,
 * of 800 files, and making and removing them costs a third there.
 */
import { statfs } from "node:fs/promises";
import postgres from "postgres";

/** Databases go there if it exists. */
export const FAST_TABLESPACE = "perdura_fast";

const MEMORY = "/dev/shm";
/** A test run takes a fraction of it. */
const FREE_BYTES_MIN = 8 * 2 ** 30;

/** Gives a server of this machine its place in memory. Disposing of it, when the server is gone, removes it. */
export async function addFastStorage(url: string, dataDir: string): Promise<AsyncDisposable> {
  if (!await isPlenty()) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  const dir = await Deno.makeTempDir({ dir: MEMORY, prefix: "perdura-test-" });
  const remove = () => Deno.remove(dir, { recursive: true }).catch(() => {});
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    // As root the server runs as another user.
    const { uid, gid } = await Deno.stat(dataDir);
    if (uid !== null && gid !== null) await Deno.chown(dir, uid, gid);
    await sql.unsafe(`create tablespace ${FAST_TABLESPACE} location '${dir}'`);
  } catch {
    // A server that does not take it does without.
    await remove();
  } finally {
    await sql.end();
  }
  return { [Symbol.asyncDispose]: remove };
}

/** Whether neither the place nor the memory it is taken from gets scarce. */
async function isPlenty(): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(MEMORY);
    const text = await Deno.readTextFile("/proc/meminfo");
    const kib = Number(/^MemAvailable: +(\d+) kB$/m.exec(text)?.[1]);
    return Math.min(bavail * bsize, kib * 1024) >= FREE_BYTES_MIN;
  } catch {
    // Not on this system.
    return false;
  }
}
