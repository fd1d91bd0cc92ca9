/** A wire that can be cut: the pages reach the program through it. */

/** A port that leads to another, as long as it is whole. */
export interface Wire extends AsyncDisposable {
  readonly url: string;
  /** Ends what is open, and takes nothing new. */
  cut(): void;
  mend(): void;
}

/** Lays a wire to a program. */
export function layWire(target: string): Wire {
  const { port } = new URL(target);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  let isCut = false;
  const end = (conn: Deno.Conn) => {
    if (open.delete(conn)) conn.close();
  };
  const lead = async (from: Deno.Conn, to: Deno.Conn) => {
    await from.readable.pipeTo(to.writable).catch(() => {});
    for (const conn of [from, to]) {
      try {
        end(conn);
      } catch {
        // It has been closed by its pipe.
      }
    }
  };
  const accepting = (async () => {
    for await (const conn of listener) {
      // The other end may have gone; the wire may be cut meanwhile.
      const there = isCut
        ? null
        : await Deno.connect({ hostname: "127.0.0.1", port: Number(port) })
          .catch(() => null);
      if (there === null || isCut) {
        conn.close();
        there?.close();
        continue;
      }
      open.add(conn).add(there);
      void lead(conn, there);
      void lead(there, conn);
    }
  })();
  const cut = () => {
    isCut = true;
    for (const conn of [...open]) {
      try {
        end(conn);
      } catch {
        // Already.
      }
    }
  };
  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    cut,
    mend: () => isCut = false,
    [Symbol.asyncDispose]: async () => {
      cut();
      listener.close();
      await accepting;
    },
  };
}
