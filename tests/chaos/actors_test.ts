/** Actors whose workers, API and database are killed: every step once, every effect once, none stuck. */
import { assert, assertEquals } from "@std/assert";
import { eventually } from "../support/build.ts";
import { request } from "./client.ts";
import { PATIENCE_MS, type Program, type Scene, sized, withScene } from "./support.ts";

const input = { total: 100, items: ["a lamp"] };

interface Step {
  readonly version: number;
  readonly event: string;
  readonly from: string | null;
  readonly to: string;
  readonly outcome: string;
}

async function get(url: string, path: string): Promise<Record<string, unknown>> {
  return Object((await request(url + path)).body);
}

async function pathOf(url: string, id: string): Promise<Step[]> {
  return Object(await get(url, `/actors/${id}/transitions?limit=1000`)).items;
}

/** What an undisturbed order goes through. */
const undisturbed = [
  ["START", "open.work.reserving,open.contact.quiet"],
  ["xstate.done.actor.reserve", "open.work.charging,open.contact.quiet"],
  ["xstate.done.actor.charge", "open.work.packing.picking,open.contact.quiet"],
  ["PICKED", "open.work.packing.wrapping,open.contact.quiet"],
  ["PACKED", "open.work.shipping,open.contact.quiet"],
  ["xstate.done.actor.ship", "shipped"],
];

Deno.test("orders through kills of worker, API and PostgreSQL: the same path, each effect once", () =>
  withScene(async (scene) => {
    const count = sized(20, 100);
    const kills = sized(10, 50);
    const ids = Array.from({ length: count }, (_, n) => `order-${n}`);
    const town = await Town.open(scene);
    for (const id of ids) await town.start(id);
    for (let kill = 0; kill < kills; kill++) {
      await town.kill(kill);
      // Somebody always goes on ordering, picking and packing meanwhile.
      for (const id of ids) await town.push(id);
    }
    for (const id of ids) await town.finish(id);
    const sql = await scene.sql();
    for (const id of ids) {
      const steps = await pathOf(await town.url(), id);
      assertEquals(steps.map(({ event, to }) => [event, to]), undisturbed, id);
    }
    const effects = await eventually(
      "a database that answers",
      () =>
        sql`select key, count(*)::int as n from debug_effect group by key order by key`
          .then((rows) => rows, () => null),
    );
    const wanted = ids.flatMap((id) => [`charge:${id}`, `parcel:${id}`, `reservation:${id}`]);
    assertEquals(effects.map(({ key, n }) => [key, n]), wanted.sort().map((key) => [key, 1]));
    const [left] = await sql`
      select (select count(*) from perdura.mailbox)::int as mail,
             (select count(*) from perdura.activity)::int as activities,
             (select count(*) from perdura.job)::int as jobs`;
    assertEquals(left, { mail: 0, activities: 0, jobs: 0 });
  }));

/** An API, a worker and a server that come back whenever they are killed. */
class Town {
  #api: Program;
  #worker: Program;

  private constructor(readonly scene: Scene, api: Program, worker: Program) {
    this.#api = api;
    this.#worker = worker;
  }

  static async open(scene: Scene): Promise<Town> {
    const api = scene.run("api");
    await api.url();
    return new Town(scene, api, await scene.worker());
  }

  url(): Promise<string> {
    return this.#api.url();
  }

  async kill(turn: number): Promise<void> {
    if (turn % 3 === 1) {
      await this.#api.kill();
      this.#api = this.scene.run("api");
      await this.#api.url();
    } else if (turn % 5 === 4) {
      const server = await this.scene.serverPid();
      assert(server !== undefined);
      Deno.kill(server, "SIGKILL");
      // Whoever starts next recovers it.
      await this.#worker.kill();
      this.#worker = await this.scene.worker();
    } else {
      await this.#worker.kill();
      this.#worker = await this.scene.worker();
    }
  }

  async start(id: string): Promise<void> {
    await this.#insist(`the start of ${id}`, async (url) => {
      const { status } = await request(`${url}/actors`, { machine: "order", id, input });
      return status === 201 || status === 200;
    });
  }

  /** Sends what the order waits for, if it waits; nobody minds when it fails. */
  async push(id: string): Promise<void> {
    const url = await this.url();
    const next = nextEvent(String((await get(url, `/actors/${id}`)).state));
    // A key: a sender that got no answer sends it again.
    const query = `dedupeKey=${next}&timeoutMs=1000`;
    if (next) await request(`${url}/actors/${id}/events?${query}`, { type: next });
  }

  async finish(id: string): Promise<void> {
    await this.#insist(`the end of ${id}`, async (url) => {
      await this.push(id);
      const { status, ...rest } = await get(url, `/actors/${id}`);
      const isStuck = ["stalled", "blocked", "error"].includes(String(status));
      assert(!isStuck, JSON.stringify(rest));
      return status === "done";
    });
  }

  async #insist(what: string, act: (url: string) => Promise<boolean>): Promise<void> {
    await eventually(what, async () => await act(await this.url()), PATIENCE_MS);
  }
}

function nextEvent(state: string): string | null {
  if (state.includes("picking")) return "PICKED";
  return state.includes("wrapping") ? "PACKED" : null;
}

Deno.test("a timer that came due while everything was down fires once, and its actor goes on", () =>
  withScene(async (scene) => {
    const api = scene.run("api");
    const url = await api.url();
    const worker = await scene.worker();
    const approval = { title: "t", approver: "ada", escalateMs: 2_000, expireMs: 3_600_000 };
    await request(`${url}/actors`, { machine: "approval", id: "late", input: approval });
    await Promise.all([worker.kill(), api.kill()]);
    const sql = await scene.sql();
    await eventually("the timer to be overdue", async () => {
      const [row] = await sql`select due_at < now() as is_due from perdura.mailbox`;
      return row?.is_due;
    });
    const again = await scene.run("api").url();
    await Promise.all([scene.worker(), scene.worker()]);
    await eventually("its turn", async () => {
      return (await get(again, "/actors/late")).state === "pending.escalated";
    }, PATIENCE_MS);
    const steps = await pathOf(again, "late");
    assertEquals(steps.map(({ version, outcome }) => [version, outcome]), [
      [1, "started"],
      [2, "handled"],
    ]);
  }));
