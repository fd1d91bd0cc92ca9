/** An npm registry on this machine, with one package: to see which versions are taken, without a network. */

/** A version, and when it was published. */
export interface Published {
  readonly version: string;
  readonly at: Date;
}

/** A running registry. `await using` ends it. */
export interface Registry extends AsyncDisposable {
  readonly url: string;
}

const BLOCK = 512;

/** Serves these versions of the package `name`, each a module that is nothing. */
export async function startRegistry(
  name: string,
  published: readonly Published[],
): Promise<Registry> {
  const archives = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const { version } of published) archives.set(version, await archiveOf(name, version));
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { origin, pathname } = new URL(request.url);
      if (pathname === `/${name}`) return Response.json(await documentOf(origin));
      const archive = archives.get(pathname.slice(1));
      return archive ? new Response(archive) : new Response("no such thing", { status: 404 });
    },
  );
  async function documentOf(origin: string): Promise<object> {
    const versions = Array.from(archives, async ([version, archive]) => {
      const dist = { tarball: `${origin}/${version}`, integrity: await integrityOf(archive) };
      return [version, { name, version, dist }];
    });
    return {
      name,
      "dist-tags": { latest: published.at(-1)?.version },
      versions: Object.fromEntries(await Promise.all(versions)),
      time: Object.fromEntries(published.map(({ version, at }) => [version, at.toISOString()])),
    };
  }
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** A gzipped tar of a manifest and an empty module. */
async function archiveOf(name: string, version: string): Promise<Uint8Array<ArrayBuffer>> {
  const files = [
    ...fileOf("package/package.json", JSON.stringify({ name, version, main: "index.js" })),
    ...fileOf("package/index.js", "\n"),
    new Uint8Array(2 * BLOCK),
  ];
  const zipped = new Blob(files).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(zipped).arrayBuffer());
}

/** Head, content and padding of one file: POSIX.1-1988 (ustar). */
function fileOf(path: string, text: string): Uint8Array<ArrayBuffer>[] {
  const content = new TextEncoder().encode(text);
  const head = new Uint8Array(BLOCK);
  const put = (at: number, field: string) => head.set(new TextEncoder().encode(field), at);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  put(0, path);
  put(100, octal(0o644, 7));
  put(124, octal(content.length, 11));
  put(136, octal(0, 11));
  // The sum counts its own field as blanks.
  put(148, " ".repeat(8));
  put(156, "0");
  put(257, "ustar\x0000");
  put(148, `${octal(head.reduce((sum, byte) => sum + byte, 0), 6)}\0 `);
  return [head, content, new Uint8Array((BLOCK - content.length % BLOCK) % BLOCK)];
}

async function integrityOf(archive: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-512", archive));
  return `sha512-${btoa(String.fromCharCode(...digest))}`;
}
