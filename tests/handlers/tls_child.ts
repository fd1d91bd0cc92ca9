/**
 * Sends by `guarded.ts` to a server of its own over TLS: started by tls_test.ts, with an authority that it
 * trusts. Prints what came of it, one JSON text.
 */
import { send } from "../../handlers/guarded.ts";

const [folder = ""] = Deno.args;
const read = (name: string) => Deno.readTextFileSync(`${folder}/${name}`);
const server = Deno.serve(
  {
    ...{ hostname: "127.0.0.1", port: 0, onListen: () => {} },
    cert: read("server.pem"),
    key: read("server.key"),
  },
  async (request) => new Response(`${request.headers.get("host")} ${await request.text()}`),
);

/** The address is that of the server, whatever the name. */
async function answerTo(name: string): Promise<string> {
  const url = new URL(`https://${name}:${server.addr.port}/`);
  const call = { method: "POST", headers: {}, body: "hello" };
  try {
    const response = await send(url, "127.0.0.1", call, AbortSignal.timeout(20_000));
    let text = "";
    for await (const chunk of response) text += new TextDecoder().decode(chunk);
    return text.replace(/:\d+/, "");
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const told = [await answerTo("receiver.example"), await answerTo("somebody.example")];
await server.shutdown();
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(told)));
