/** Deliveries over TLS go to the address that was checked, and only to whoever has the name. */
import { assert, assertEquals, assertMatch } from "@std/assert";

const CHILD = new URL("tls_child.ts", import.meta.url).pathname;
const KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";

/** An authority, and a certificate for `receiver.example`. */
const STEPS = [
  `req -x509 ${KEY} -keyout ca.key -out ca.pem -subj /CN=Tests`,
  `req ${KEY.replace(" -days 2", "")} -keyout server.key -out server.csr -subj /CN=receiver`,
  "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile ext",
];

async function openssl(folder: string, args: string): Promise<boolean> {
  const made = new Deno.Command("openssl", { args: args.split(" "), cwd: folder, stderr: "null" });
  return await made.output().then(({ success }) => success, () => false);
}

const isThere = await openssl(".", "version");

Deno.test(
  `a delivery over TLS checks the name, though it goes to an address${
    isThere ? "" : " (not shown: openssl is not on this machine)"
  }`,
  async () => {
    if (!isThere) return;
    const folder = await Deno.makeTempDir({ prefix: "perdura-tls-" });
    try {
      await Deno.writeTextFile(`${folder}/ext`, "subjectAltName=DNS:receiver.example\n");
      for (const step of STEPS) assert(await openssl(folder, step), step);
      const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", CHILD, folder],
        env: { NO_COLOR: "1", NODE_EXTRA_CA_CERTS: `${folder}/ca.pem` },
      }).output();
      assert(success, new TextDecoder().decode(stderr));
      const [own, others] = JSON.parse(new TextDecoder().decode(stdout));
      assertEquals(own, "receiver.example hello");
      assertMatch(others, /does not match certificate/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
