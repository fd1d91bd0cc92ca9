/** A real SMTP server on loopback: who got what, and answers to choose. */
import { SMTPServer } from "smtp-server";
import { eventually } from "../support/build.ts";

/** A mail that was taken. */
export interface Taken {
  readonly to: string;
  readonly messageId: string;
}

/** A server. */
export interface MailServer extends AsyncDisposable {
  readonly url: string;
  readonly taken: Taken[];
  /** The most mails at once to each domain. */
  readonly most: ReadonlyMap<string, number>;
}

/**
 * @param answer To a recipient: null takes it, a number is the code of a refusal.
 * @param ready Awaited before a mail is taken.
 */
export async function mailServer(
  answer: (to: string, times: number) => number | null = () => null,
  ready: () => Promise<void> = () => Promise.resolve(),
): Promise<MailServer> {
  const taken: Taken[] = [];
  const asked = new Map<string, number>();
  const [now, most] = [new Map<string, number>(), new Map<string, number>()];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS", "AUTH"],
    logger: false,
    onRcptTo({ address }: { address: string }, _session: unknown, done: (e?: Error) => void) {
      const times = (asked.get(address) ?? 0) + 1;
      asked.set(address, times);
      const code = answer(address, times);
      if (code === null) return done();
      done(Object.assign(new Error("Not this one"), { responseCode: code }));
    },
    onData(
      stream: AsyncIterable<Uint8Array>,
      { envelope }: { envelope: { rcptTo: { address: string }[] } },
      done: (error?: Error) => void,
    ) {
      const [{ address: to } = { address: "" }] = envelope.rcptTo;
      const domain = to.slice(to.indexOf("@") + 1);
      now.set(domain, (now.get(domain) ?? 0) + 1);
      most.set(domain, Math.max(most.get(domain) ?? 0, now.get(domain) ?? 0));
      textOf(stream).then(async (text) => {
        await ready();
        now.set(domain, (now.get(domain) ?? 0) - 1);
        const [, messageId = ""] = /^Message-ID: (<.*>)/mi.exec(text) ?? [];
        taken.push({ to, messageId });
        done();
      }, done);
    },
  });
  server.on("error", () => {});
  server.listen(0, "127.0.0.1");
  const port = await eventually("it listens", () => {
    const address = server.server.address();
    return Promise.resolve(typeof address === "object" && address?.port);
  });
  return {
    url: `smtp://127.0.0.1:${port}`,
    taken,
    most,
    [Symbol.asyncDispose]: () => new Promise((closed) => server.close(() => closed())),
  };
}

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of stream) pieces.push(new Uint8Array(piece));
  return await new Blob(pieces).text();
}
