/**
 * The services under kill -9, each worker killed when some of the work is done and not all: what they
 * write is there once, and never in part where it must not be.
 */
import { assert, assertEquals } from "@std/assert";
import type postgres from "postgres";
import type { Actor } from "perdura";
import type { NewJobInput } from "../../src/core/job.ts";
import { creditTables } from "../../handlers/credits_grant.ts";
import { eventually } from "../support/build.ts";
import { mailServer } from "../handlers/smtp.ts";
import { ask, getJob, submit } from "./client.ts";
import {
  assertMiddle,
  beside,
  crashesOf,
  type Extent,
  type Hold,
  killAt,
  KILLS,
  MAX_CRASHES,
  numberOf,
  placeOf,
} from "./killing.ts";
import { PATIENCE_MS, type Scene, sized, withScene } from "./support.ts";

/** A job, what to hold of it at each kill, and how far it is. */
interface Case {
  readonly job: NewJobInput;
  readonly holdOf: (kill: number, id: string) => Hold;
  readonly extent: (id: string) => Extent;
}

/** Runs one job to its end, its workers killed in the middle of it. */
async function runUnderKills(scene: Scene, url: string, { job, holdOf, extent }: Case) {
  const [id = ""] = await submit(url, [{ ...job, maxCrashes: MAX_CRASHES }]);
  for (let kill = 0; kill < KILLS; kill++) {
    await killAt(scene, { hold: holdOf(kill, id), extent: extent(id) });
  }
  const ended = await runToEnd(scene, url, id);
  // A worker that is held up may lose its lease besides.
  assert(ended.crashes >= KILLS, `${ended.crashes} crashes`);
  return ended;
}

/** Lets one worker run a job to its end. */
async function runToEnd(scene: Scene, url: string, id: string) {
  const worker = await scene.worker();
  const ended = await eventually("it ends", async () => {
    const found = await getJob(url, id);
    return (found.state === "succeeded" || found.state === "dead_letter") && found;
  }, 2 * PATIENCE_MS);
  await worker.kill();
  assertEquals(ended.state, "succeeded", JSON.stringify(ended.lastError));
  return ended;
}

/** The output of an actor, when it has ended. */
function outputOf(url: string, id: string) {
  return eventually("it ends", async () => {
    const { output, status } = await ask<Actor>(`${url}/actors/${id}`, 200);
    return status === "done" && Object(output);
  }, 3 * PATIENCE_MS);
}

/** Holds a step of a job that has so many: the next one further on with each kill. */
function stepOf(steps: number, nameOf: (step: number) => string): Case["holdOf"] {
  return (kill, id) => (tx) => {
    const name = nameOf(placeOf(kill, steps));
    return tx`
      insert into perdura.step (tenant_id, job_id, name, attempt) values ('default', ${id}, ${name}, 1)`;
  };
}

async function upload(url: string, name: string, text: string): Promise<string> {
  const form = new FormData();
  form.append("file", new File([text], name));
  const reply = await fetch(`${url}/files`, { method: "POST", body: form });
  assertEquals(reply.status, 201);
  const { fileId } = await reply.json();
  return String(fileId);
}

Deno.test("employees.import under kills: every good row once, the bad ones told", () =>
  withScene(async (scene) => {
    const url = await scene.run("api").url();
    const sql = await scene.sql();
    const rows = Array.from(
      { length: sized(5_000, 40_000) },
      (_, n) => n % 1_000 === 7 ? `nobody ${n},` : `e${n}@example.com,Employee ${n}`,
    );
    const bad = rows.length / 1_000;
    const good = rows.length - bad;
    const fileId = await upload(url, "staff.csv", ["email,name", ...rows].join("\n"));
    const employees = () => numberOf(sql`select count(*) as n from employee`);
    const { output } = await runUnderKills(scene, url, {
      job: { type: "employees.import", payload: { fileId } },
      holdOf: stepOf(Math.floor(good / 500), (step) => `rows ${step * 500}`),
      extent: () => async () => [await employees(), good],
    });
    const { imported, rejected } = Object(output);
    assertEquals([imported, rejected], [good, bad]);
    assertEquals(await employees(), good);
  }));

Deno.test("credits.grant as an actor under kills: chunks by jobs, all at once, once", () =>
  withScene(async (scene) => {
    const url = await scene.run("api").url();
    const sql = await scene.sql();
    const { count, fileId, readers, assertWhole } = await customers(url, sql);
    const input = { name: "spring", amount: 5, fileId };
    await ask(`${url}/actors`, 201, { machine: "credits.grant", id: "spring", input });
    await sql.begin((tx) => creditTables((strings, ...values) => tx(strings, ...values)));
    // One job at a time: those behind the one that waits are still to come.
    const settings = { JOB_MAX_CRASHES: String(MAX_CRASHES), WORKER_CONCURRENCY: "1" };
    const output = await beside(readers, async () => {
      const grantId = await grantOf(scene, url, settings);
      const extent = extentOf(sql, count);
      for (let kill = 0; kill < KILLS - 1; kill++) {
        const hold: Hold = (tx) => crediting(tx, grantId, placeOf(kill, count));
        await killAt(scene, { hold, extent, settings });
      }
      await killAt(scene, { hold: (tx) => publishing(tx, grantId), extent, settings });
      await scene.worker(settings);
      return await outputOf(url, "spring");
    });
    assertEquals(output, { granted: { customers: count, total: count * 5 }, failure: null });
    assert(await crashesOf(sql) >= KILLS);
    await assertWhole();
  }));

/** The id of the actor's grant: it is there when chunks are written, which wait meanwhile. */
async function grantOf(scene: Scene, url: string, settings: Readonly<Record<string, string>>) {
  const sql = await scene.sql();
  return await sql.begin(async (tx) => {
    await tx`lock table credit_entry in share mode`;
    const worker = await scene.worker(settings);
    const grantId = await eventually("it has an id", async () => {
      const { context } = await ask<Actor>(`${url}/actors/spring`, 200);
      return Object(context).grantId;
    }, PATIENCE_MS);
    await worker.kill();
    return String(grantId);
  });
}

/** The credit of a customer from there on who has none yet. */
async function crediting(tx: postgres.TransactionSql, grantId: string, from: number) {
  for (let n = from;; n++) {
    const made = await tx`
      insert into credit_entry (tenant_id, grant_id, customer, amount)
      values ('default', ${grantId}, ${`customer ${n}`}, 1) on conflict do nothing returning 1`;
    if (made.length > 0) return;
  }
}

function publishing(tx: postgres.TransactionSql, grantId: string) {
  return tx`
    insert into credit_grant (tenant_id, id, name) values ('default', ${grantId}, 'held')`;
}

/** A grant is all of its entries, and one row more: when that is there, all is done. */
function extentOf(sql: postgres.Sql, count: number): Extent {
  const written = () =>
    numberOf(sql`
      select (select count(*) from credit_entry) + (select count(*) from credit_grant) as n`);
  return async () => [await written(), count + 1];
}

/** Customers in a file, and those who look at their credits all the time. */
async function customers(url: string, sql: postgres.Sql) {
  const count = sized(8_000, 60_000);
  const names = Array.from({ length: count }, (_, n) => `customer ${n}`);
  const fileId = await upload(url, "customers.txt", names.join("\n"));
  const seen = new Set<number>();
  const readers = async () => {
    const [made] = await sql`select to_regclass('customer_credit') is not null as there`;
    if (made?.there) seen.add(await numberOf(sql`select count(*) as n from customer_credit`));
  };
  const assertWhole = async () => {
    const [row] = await sql`
      select count(*)::int as n, sum(amount)::int as total from customer_credit`;
    assertEquals([row?.n, row?.total], [count, count * 5]);
    assertEquals([...seen].filter((n) => n !== 0 && n !== count), []);
  };
  return { count, fileId, readers, assertWhole };
}

Deno.test("credits.grant under kills: all at once, once", () =>
  withScene(async (scene) => {
    const url = await scene.run("api").url();
    const sql = await scene.sql();
    const { count, fileId, readers, assertWhole } = await customers(url, sql);
    const chunk = stepOf(count / 1_000, (step) => `chunk ${step * 1_000}`);
    await beside(readers, () =>
      runUnderKills(scene, url, {
        job: { type: "credits.grant", payload: { name: "spring", amount: 5, fileId } },
        holdOf: (kill, id) => kill === KILLS - 1 ? (tx) => publishing(tx, id) : chunk(kill, id),
        extent: () => extentOf(sql, count),
      }));
    await assertWhole();
  }));

Deno.test("finance.sync under kills while rows change: the copy equals a full one", () =>
  withScene(async (scene) => {
    const url = await scene.run("api").url();
    const sql = await scene.sql();
    // Makes the tables.
    await runOnce(scene, url, { type: "finance.sync" });
    const count = sized(4_000, 40_000);
    await sql`
      insert into ledger_entry (tenant_id, account, amount)
      select 'default', 'a' || n % 7, n from generate_series(1, ${count}) n`;
    let n = 0;
    const change = () =>
      sql`
        update ledger_entry set amount = amount + 1, xid = pg_current_xact_id()
         where tenant_id = 'default' and id = ${3 * (1 + ++n * 7919 % Math.floor(count / 3))}`;
    const job = { type: "finance.sync", payload: { chunk: 200 } };
    await beside(change, () =>
      runUnderKills(scene, url, {
        job,
        // What changes is left to the next run: a third of the rows, and of the pieces.
        holdOf: stepOf(Math.floor(count * 2 / 3 / 200), (step) => `piece ${step}`),
        extent:
          () => async () => [await numberOf(sql`select count(*) as n from ledger_copy`), count],
      }));
    await runOnce(scene, url, job);
    const different = await numberOf(sql`
      select count(*) as n
        from ledger_entry e full join ledger_copy c on c.tenant_id = e.tenant_id and c.id = e.id
       where (e.account, e.amount) is distinct from (c.account, c.amount)`);
    assertEquals(different, 0);
  }));

async function runOnce(scene: Scene, url: string, job: NewJobInput) {
  const [id = ""] = await submit(url, [job]);
  return await runToEnd(scene, url, id);
}

Deno.test("email.campaign under kills: everybody gets the mail, bad ones are told", () =>
  withScene(async (scene) => {
    // What the server takes before it lets the others wait, so that each kill is in the middle.
    let [room, more] = [0, Promise.withResolvers<void>()];
    const ready = async () => {
      while (room <= 0) await more.promise;
      room--;
    };
    await using server = await mailServer((to) => to.startsWith("gone") ? 550 : null, ready);
    const letGo = (mails: number) => {
      room = mails;
      more.resolve();
      more = Promise.withResolvers();
    };
    const url = await scene.run("api").url();
    const sql = await scene.sql();
    const people = Array.from({ length: sized(200, 800) }, (_, n) => {
      return n % 100 === 7
        ? `gone${n}@example.org`
        : n % 100 === 8
        ? `nobody ${n}`
        : `c${n}@example.org`;
    });
    const bad = people.length / 50;
    const good = people.length - bad;
    const fileId = await upload(url, "customers.txt", people.join("\n"));
    const input = { subject: "Spring", fileId, window: 50 };
    await ask(`${url}/actors`, 201, { machine: "email.campaign", id: "spring", input });
    const settings = {
      ...{ SMTP_URL: server.url, JOB_MAX_CRASHES: String(MAX_CRASHES) },
      WORKER_CONCURRENCY: "10",
    };
    for (let kill = 0; kill < KILLS; kill++) {
      const worker = await scene.worker(settings);
      letGo(20);
      await eventually("mails go out", () => Promise.resolve(room === 0), PATIENCE_MS);
      await assertMiddle(() => Promise.resolve([recipientsOf(server.taken).size, good]));
      await worker.kill();
      assertEquals(worker.status?.signal, "SIGKILL");
    }
    letGo(Infinity);
    const last = await scene.worker(settings);
    const { recipients, sent, failed, left, errors } = await outputOf(url, "spring");
    // The server waits for those who are connected.
    await last.kill();
    assertEquals([recipients, sent, failed, left], [people.length, good, bad, 0]);
    assertEquals(errors.length, bad);
    assert(await crashesOf(sql) >= KILLS);
    // A mail that went out as its worker died goes out again: under the same id.
    assertEquals(recipientsOf(server.taken).size, good);
    assertEquals(new Set(server.taken.map(({ messageId }) => messageId)).size, good);
  }));

function recipientsOf(taken: readonly { readonly to: string }[]): ReadonlySet<string> {
  return new Set(taken.map(({ to }) => to));
}
