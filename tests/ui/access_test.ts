/** The routes of the pages stand beside the table: each asks for a credential that may read, too. */
import { assert, assertEquals } from "@std/assert";
import { machinesOf } from "../../src/cli/actors.ts";
import { demand } from "../../src/http/access.ts";
import { MachineBook } from "../../src/ui/machine_book.ts";
import { uiRoutes } from "../../src/ui/routes.ts";
import { Stream } from "../../src/ui/stream.ts";
import { TENANT_SCOPES, tenantsApi } from "../http/tenants.ts";

/** Files that say nothing of anybody; signing in and out. */
const OPEN = [
  ...["GET /", "GET /ui", "GET /ui/*", "GET /ui/assets/:hash/:name"],
  ...["POST /ui/session", "DELETE /ui/session"],
];

Deno.test("each route of the pages that tells something asks for the scope read", async () => {
  await using api = await tenantsApi();
  const { jobs, actors, permit } = api;
  assert(actors);
  const stream = new Stream({ jobs, actors });
  const { store } = jobs.host;
  const ui = uiRoutes({
    ...{ stream, machines: new MachineBook(machinesOf(false)), assets: null, signIn: null },
    store: store.ui,
    within: (tenantId, work) => store.within(tenantId, work),
    admit: async (c) => {
      const permission = await permit(c);
      demand(permission, "read");
      return { tenantId: permission.tenantId, may: () => false };
    },
  });
  const asked = ui.routes.filter(({ method }) => method !== "ALL")
    .filter(({ method, path }) => !OPEN.includes(`${method} ${path}`));
  assert(asked.length >= 8, "the routes were found");
  api.app.route("/", ui);
  const keys = await Promise.all(
    TENANT_SCOPES.map(async (scope) => ({ scope, key: await api.make("a", scope) })),
  );
  for (const { method, path: pattern } of asked) {
    const path = pattern.replace(":id", "order");
    const statusWith = async (key: string | null) => (await api.ask({ method, path, key })).status;
    assertEquals([await statusWith(null), await statusWith("perdura_wrong")], [401, 401], path);
    for (const { scope, key } of keys) {
      assertEquals(await statusWith(key), scope === "read" ? 200 : 403, `${path} with ${scope}`);
    }
  }
  stream.close();
});
