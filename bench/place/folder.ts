/** A folder for one run beside the project, where the same disk is; never in another run's way. */
export async function makeFolder(): Promise<string> {
  const parent = new URL("../../.out/bench/", import.meta.url).pathname;
  await Deno.mkdir(parent, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: parent });
  // PostgreSQL does not run as root, and must be able to enter.
  await Deno.chmod(folder, 0o755);
  return folder;
}
