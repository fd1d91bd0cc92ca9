/** A mail server that keeps what it is given, and a reader of mails. */

/** A delivered mail. */
export interface Delivered {
  readonly from: string;
  readonly to: readonly string[];
  /** As sent, the doubled dots of the protocol undone. */
  readonly data: string;
}

/** A server on loopback. */
export interface SmtpSink extends AsyncDisposable {
  readonly url: string;
  readonly mails: Delivered[];
}

/** Starts a server. `recipients` is what it answers to RCPT TO, `recipientsOf` the same by address. */
export function smtpSink(
  { recipients = "250 OK", recipientsOf = (_to: string) => recipients } = {},
): SmtpSink {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const mails: Delivered[] = [];
  const talks: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const conn of listener) talks.push(talk(conn, mails, recipientsOf));
  })();
  return {
    url: `smtp://127.0.0.1:${listener.addr.port}`,
    mails,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await accepting;
      await Promise.all(talks);
    },
  };
}

/** One client, until it leaves. */
async function talk(
  conn: Deno.Conn,
  mails: Delivered[],
  recipientsOf: (to: string) => string,
): Promise<void> {
  const encoder = new TextEncoder();
  const say = (line: string) => conn.write(encoder.encode(`${line}\r\n`));
  let from = "";
  const to: string[] = [];
  let data: string[] | null = null;
  await say("220 sink ESMTP");
  for await (const line of linesOf(conn)) {
    if (data !== null) {
      if (line !== ".") {
        data.push(line.replace(/^\.\./, "."));
        continue;
      }
      mails.push({ from, to, data: data.join("\r\n") });
      data = null;
      await say("250 Kept");
      continue;
    }
    const [, address = ""] = /<([^>]*)>/.exec(line) ?? [];
    if (line.startsWith("MAIL FROM:")) from = address;
    if (line.startsWith("RCPT TO:")) {
      to.push(address);
      await say(recipientsOf(address));
      continue;
    }
    if (line === "DATA") data = [];
    await say(line === "DATA" ? "354 Go on" : line === "QUIT" ? "221 Bye" : "250 OK");
    // Leaving the loop closes the connection.
    if (line === "QUIT") return;
  }
}

async function* linesOf(conn: Deno.Conn): AsyncGenerator<string> {
  let rest = "";
  for await (const text of conn.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\r\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** Headers in small letters, decoded, and the decoded text of a mail of one part. */
export function readMail(raw: string): { headers: Map<string, string>; body: string } {
  const text = raw.replaceAll("\r\n", "\n");
  const end = text.indexOf("\n\n");
  const unfolded = text.slice(0, end).replace(/\n[ \t]+/g, " ");
  const headers = new Map(
    unfolded.split("\n").map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), decodeWords(line.slice(colon + 1).trim())];
    }),
  );
  const encoding = headers.get("content-transfer-encoding") ?? "7bit";
  return { headers, body: decodeBody(text.slice(end + 2), encoding.toLowerCase()) };
}

function decodeBody(body: string, encoding: string): string {
  if (encoding === "base64") return utf8(atob(body.replaceAll("\n", ""))).replaceAll("\r\n", "\n");
  if (encoding === "quoted-printable") return unquote(body.replace(/=\n/g, ""));
  return body;
}

/** RFC 2047: spaces between two encoded words do not count. */
function decodeWords(text: string): string {
  return text.replace(/\?=\s+=\?/g, "?==?")
    .replace(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_, kind: string, word: string) => {
      return kind.toLowerCase() === "b" ? utf8(atob(word)) : unquote(word.replaceAll("_", " "));
    });
}

function unquote(text: string): string {
  const bytes = text.replace(/=([0-9A-F]{2})/gi, (_, hex: string) => {
    return String.fromCharCode(parseInt(hex, 16));
  });
  return utf8(bytes);
}

/** Bytes, one per character, as UTF-8. */
function utf8(bytes: string): string {
  return new TextDecoder("utf-8", { fatal: true })
    .decode(Uint8Array.from(bytes, (char) => char.charCodeAt(0)));
}
