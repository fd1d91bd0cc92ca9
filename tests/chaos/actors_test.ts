// deno-lint-ignore-file no-console -- the seed, and what it comes to
/** Actors whose workers, API and database are killed: every step once, every effect once, none stuck. */
import { assert, assertEquals } from "@std/assert";
import type postgres from "postgres";
import { eventually } from "../support/build.ts";
import { request } from "./client.ts";
import { planKills, type PlannedKill, seedOfRun } from "./kill_plan.ts";
import { MAX_CRASHES, numberOf } from "./killing.ts";
import { PATIENCE_MS, type Program, type Scene, sized, withScene } from "./support.ts";

const input = { total: 100, items: ["a lamp"] };

/** Orders under way at any time: enough that a kill finds some of them in the middle of a step. */
const CUSTOMERS = 8;

/** Crashes are what this is about: they must not bury a step. */
const settings = { JOB_MAX_CRASHES: String(MAX_CRASHES) };

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

/** The last kill may have been a moment ago. */
async function pathOf(url: string, id: string): Promise<Step[]> {
  const items = await eventually(`the past of ${id}`, async () => {
    return (await get(url, `/actors/${id}/transitions?limit=1000`)).items;
  }, PATIENCE_MS);
  return Object(items).map(({ version, event, from, to, outcome }: Step) => ({
    ...{ version, event, from, to, outcome },
  }));
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

Deno.test("orders through random kills of worker, API and PostgreSQL: the same path, each effect once", async () => {
  const seed = seedOfRun();
  const kills = sized(10, 50);
  const ids = Array.from({ length: 8 * kills }, (_, n) => `order-${n}`);
  const plan = planKills(seed, kills, ids.length * undisturbed.length);
  console.info(`SEED=${seed}: ${plan.map(({ victim, at }) => `${victim} at ${at}`).join(", ")}`);
  await withScene(async (scene) => {
    const town = await Town.open(scene);
    const sql = await scene.sql();
    await town.carry("model");
    const model = await pathOf(await town.url(), "model");
    assertEquals(model.map(({ event, to }) => [event, to]), undisturbed);

    await Promise.all([town.suffer(sql, plan), ...town.serve(ids)]);
    for (const id of ids) assertEquals(await pathOf(await town.url(), id), model, id);
    const effects = await eventually("a database that answers", async () => {
      return await sql`select key, count(*)::int as n from debug_effect group by key order by key`
        .catch(() => null);
    }, PATIENCE_MS);
    const wanted = ["model", ...ids].flatMap((id) => [
      ...[`charge:${id}`, `parcel:${id}`, `reservation:${id}`],
    ]);
    assertEquals(effects.map(({ key, n }) => [key, n]), wanted.sort().map((key) => [key, 1]));
    const [left] = await sql`
      select (select count(*) from perdura.mailbox)::int as mail,
             (select count(*) from perdura.activity)::int as activities,
             (select count(*) from perdura.dead_letter)::int as dead,
             (select count(*) from perdura.job)::int as jobs`;
    assertEquals(left, { mail: 0, activities: 0, dead: 0, jobs: 0 });
  });
});

/** An API, a worker and a server that come back whenever they are killed. */
class Town {
  #api: Program;
  #worker: Program;

  private constructor(readonly scene: Scene, api: Program, worker: Program) {
    this.#api = api;
    this.#worker = worker;
  }

  static async open(scene: Scene): Promise<Town> {
    const api = scene.run("api", settings);
    await api.url();
    return new Town(scene, api, await scene.worker(settings));
  }

  url(): Promise<string> {
    return this.#api.url();
  }

  /** Each kill as soon as the orders have come as far as the plan says. */
  async suffer(sql: postgres.Sql, plan: readonly PlannedKill[]): Promise<void> {
    for (const { victim, at } of plan) {
      await eventually(`${at} steps`, async () => {
        const steps = numberOf(
          sql`select sum(version) as n from perdura.actor where id <> 'model'`,
        );
        return await steps.catch(() => -1) >= at;
      }, PATIENCE_MS);
      await this.#kill(victim);
    }
  }

  async #kill(victim: PlannedKill["victim"]): Promise<void> {
    if (victim === "api") {
      await this.#api.kill();
      this.#api = this.scene.run("api", settings);
      await this.#api.url();
    } else if (victim === "worker") {
      await this.#worker.kill();
      this.#worker = await this.scene.worker(settings);
    } else {
      // Whoever is attached brings it back. Sessions of a killed one may have told the steps.
      const pid = await eventually("a server", () => this.scene.serverPid(), PATIENCE_MS);
      Deno.kill(pid, "SIGKILL");
    }
  }

  /** Carries orders through, a few at a time. */
  serve(ids: readonly string[]): Promise<void>[] {
    return Array.from({ length: CUSTOMERS }, async (_, n) => {
      for (const id of ids.filter((_, at) => at % CUSTOMERS === n)) await this.carry(id);
    });
  }

  /** Orders, and picks and packs when it is time for it, over and over until it is shipped. */
  async carry(id: string): Promise<void> {
    await this.#insist(`the start of ${id}`, async (url) => {
      const { status } = await request(`${url}/actors`, { machine: "order", id, input });
      return status === 201 || status === 200;
    });
    await this.#insist(`the end of ${id}`, async (url) => {
      const { status, state, ...rest } = await get(url, `/actors/${id}`);
      const isStuck = ["stalled", "blocked", "error"].includes(String(status));
      assert(!isStuck, JSON.stringify({ status, state, ...rest }));
      await push(url, id, String(state));
      return status === "done";
    });
  }

  async #insist(what: string, act: (url: string) => Promise<boolean>): Promise<void> {
    await eventually(what, async () => await act(await this.url()), PATIENCE_MS);
  }
}

/** Sends what the order waits for, if it waits; nobody minds when it fails. */
async function push(url: string, id: string, state: string): Promise<void> {
  const type = state.includes("picking") ? "PICKED" : state.includes("wrapping") ? "PACKED" : null;
  // A key: a sender that got no answer sends it again.
  const query = `dedupeKey=${type}&timeoutMs=1000`;
  if (type) await request(`${url}/actors/${id}/events?${query}`, { type });
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
