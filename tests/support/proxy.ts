/**
 * A TCP proxy on loopback in front of the database: cuts connections and holds back replies at the
 * moment a test asks for.
 */

/**
 * What the proxy does to what is sent. With `hold_requests` what clients send arrives later, as over a
 * network that is whole again: after `release()`, and also when they have hung up meanwhile.
 */
export type ProxyMode =
  | "forward"
  | "hold_replies"
  | "cut_on_reply"
  | "refuse"
  | "stall"
  | "hold_requests";

/** A proxy that listens. `await using` closes it and all its connections. */
export class Proxy implements AsyncDisposable {
  mode: ProxyMode = "forward";
  /** Connections that came, the refused ones too. */
  accepted = 0;
  /** Connections that were refused. */
  refused = 0;
  /** Replies that were held back or cut off. */
  swallowed = 0;
  /** Requests that are held back, or were. */
  held = 0;
  #released = Promise.withResolvers<void>();
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Deno.Conn>();

  constructor(private readonly target: URL, private readonly host = "127.0.0.1") {
    this.#listener = Deno.listen({ hostname: host, port: 0 });
    void this.#accept();
  }

  /** The database's address, through the proxy. */
  get url(): string {
    const url = new URL(this.target);
    url.hostname = this.host.includes(":") ? `[${this.host}]` : this.host;
    url.port = String(this.#listener.addr.port);
    return url.href;
  }

  /** Cuts every connection now. */
  cutAll(): void {
    for (const connection of [...this.#open]) close(connection);
    this.#open.clear();
  }

  /** What was held back arrives now. */
  release(): void {
    this.#released.resolve();
    this.#released = Promise.withResolvers<void>();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cutAll();
    await Promise.resolve();
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      this.accepted++;
      if (this.mode !== "refuse") {
        void this.#connect(client);
        continue;
      }
      this.refused++;
      close(client);
    }
  }

  async #connect(client: Deno.Conn): Promise<void> {
    while (this.mode === "stall") await new Promise((done) => setTimeout(done, 5));
    const server = await Deno.connect({
      hostname: this.target.hostname,
      port: Number(this.target.port || 5432),
    }).catch(() => null);
    if (!server) return close(client);
    this.#open.add(client).add(server);
    void this.#pipe(client, server, () => this.#whenReleased());
    void this.#pipe(server, client, () => {
      if (this.mode !== "hold_replies" && this.mode !== "cut_on_reply") return false;
      this.swallowed++;
      if (this.mode === "cut_on_reply") {
        close(client);
        close(server);
      }
      return true;
    });
  }

  async #whenReleased(): Promise<boolean> {
    if (this.mode !== "hold_requests") return false;
    this.held++;
    await this.#released.promise;
    return false;
  }

  /** Copies until either side ends; what `drop` says is not passed on. */
  async #pipe(
    from: Deno.Conn,
    to: Deno.Conn,
    drop: () => boolean | Promise<boolean>,
  ): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      while (true) {
        const read = await from.read(buffer);
        if (read === null) break;
        if (await drop()) continue;
        for (let at = 0; at < read;) at += await to.write(buffer.subarray(at, read));
      }
    } catch {
      // Cut: both ends are closed below.
    }
    close(from);
    close(to);
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // Already closed.
  }
}
