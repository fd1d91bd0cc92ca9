/** Services under kill -9: what they write is there once, and never in part where it must not be. */
import { assertEquals } from "@std/assert";
import type postgres from "postgres";
import type { NewJobInput } from "../../src/core/job.ts";
import { eventually } from "../support/build.ts";
import type { Actor } from "perdura";
import { mailServer } from "../handlers/smtp.ts";
import { ask, getJob, submit } from "./client.ts";
import { PATIENCE_MS, type Scene, sized, withScene } from "./support.ts";

const KILLS = sized(2, 10);
const CHUNKS_BETWEEN = 3;

/** Crashes are what this is about: they must not bury the job. */
const UNDAUNTED = { maxCrashes: 50 };

/** Runs one job while workers die under it, each after some more of its chunks. */
async function runUnderKills(scene: Scene, url: string, job: NewJobInput) {
  const sql = await scene.sql();
  const [id = ""] = await submit(url, [{ ...job, ...UNDAUNTED }]);
  for (let kill = 0; kill < KILLS; kill++) {
    const worker = await scene.worker();
    const before = await chunksOf(sql, id);
    await eventually("it gets on", async () => {
      const { state } = await getJob(url, id);
      return state === "succeeded" || await chunksOf(sql, id) >= before + CHUNKS_BETWEEN;
    }, PATIENCE_MS);
    await worker.kill();
  }
  const last = await scene.worker();
  const ended = await eventually("it ends", async () => {
    const found = await getJob(url, id);
    return (found.state === "succeeded" || found.state === "dead_letter") && found;
  }, PATIENCE_MS);
  await last.kill();
  assertEquals(ended.state, "succeeded", JSON.stringify(ended.lastError));
  return ended;
}

/** Does `again` over and over for as long as `work` lasts. */
async function beside(again: () => Promise<unknown>, work: () => Promise<unknown>) {
  let isOver = false;
  const going = (async () => {
    while (!isOver) await again();
  })();
  await Promise.race([going, work()]).finally(() => isOver = true);
  await going;
}

async function chunksOf(sql: postgres.Sql, id: string): Promise<number> {
  const [row] = await sql`select count(*)::int as n from perdura.step where job_id = ${id}`;
  return Number(row?.n);
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
    const rows = Array.from(
      { length: sized(10_000, 40_000) },
      (_, n) => n % 1_000 === 7 ? `nobody ${n},` : `e${n}@example.com,Employee ${n}`,
    );
    const fileId = await upload(url, "staff.csv", ["email,name", ...rows].join("\n"));
    const job = await runUnderKills(scene, url, { type: "employees.import", payload: { fileId } });
    const bad = rows.length / 1_000;
    const { imported, rejected } = Object(job.output);
    assertEquals([imported, rejected], [rows.length - bad, bad]);
    const sql = await scene.sql();
    const [row] = await sql`select count(*)::int as n from employee`;
    assertEquals(row?.n, rows.length - bad);
  }));

Deno.test("credits.grant as an actor under kills: chunks by jobs, all at once, once", () =>
  withScene(async (scene) => {
    const url = await scene.run("api").url();
    const count = sized(20_000, 60_000);
    const customers = Array.from({ length: count }, (_, n) => `customer ${n}`).join("\n");
    const fileId = await upload(url, "customers.txt", customers);
    const sql = await scene.sql();
    const seen = new Set<number>();
    const read = async () => {
      const [made] = await sql`select to_regclass('customer_credit') is not null as there`;
      if (!made?.there) return;
      const [row] = await sql`select count(*)::int as n from customer_credit`;
      seen.add(Number(row?.n));
    };
    const input = { name: "spring", amount: 5, fileId };
    await ask(`${url}/actors`, 201, { machine: "credits.grant", id: "spring", input });
    await beside(read, async () => {
      const settings = { JOB_MAX_CRASHES: "50", WORKER_CONCURRENCY: "2" };
      for (let kill = 0; kill < KILLS; kill++) {
        const worker = await scene.worker(settings);
        const before = await preparedOf(sql);
        await eventually("it gets on", async () => {
          const { status } = await ask<Actor>(`${url}/actors/spring`, 200);
          return status === "done" || await preparedOf(sql) >= before + CHUNKS_BETWEEN;
        }, PATIENCE_MS);
        await worker.kill();
      }
      const last = await scene.worker(settings);
      const ended = await eventually("it ends", async () => {
        const { output, status } = await ask<Actor>(`${url}/actors/spring`, 200);
        return status === "done" && Object(output);
      }, PATIENCE_MS);
      await last.kill();
      assertEquals(ended, { granted: { customers: count, total: count * 5 }, failure: null });
    });
    const [row] = await sql`
      select count(*)::int as n, sum(amount)::int as total from customer_credit`;
    assertEquals([row?.n, row?.total], [count, count * 5]);
    assertEquals([...seen].filter((n) => n !== 0 && n !== count), []);
  }));

async function preparedOf(sql: postgres.Sql): Promise<number> {
  const [row] = await sql`
    select count(*)::int as n from perdura.job_archive where type = 'credits.prepare'`;
  return Number(row?.n);
}

Deno.test("credits.grant under kills: all at once, once", () =>
  withScene(async (scene) => {
    const url = await scene.run("api").url();
    const count = sized(20_000, 60_000);
    const customers = Array.from({ length: count }, (_, n) => `customer ${n}`).join("\n");
    const fileId = await upload(url, "customers.txt", customers);
    const sql = await scene.sql();
    const seen = new Set<number>();
    const read = async () => {
      const [made] = await sql`select to_regclass('customer_credit') is not null as there`;
      if (!made?.there) return;
      const [row] = await sql`select count(*)::int as n from customer_credit`;
      seen.add(Number(row?.n));
    };
    const payload = { name: "spring", amount: 5, fileId };
    await beside(read, () => runUnderKills(scene, url, { type: "credits.grant", payload }));
    const [row] = await sql`
      select count(*)::int as n, sum(amount)::int as total from customer_credit`;
    assertEquals([row?.n, row?.total], [count, count * 5]);
    assertEquals([...seen].filter((n) => n !== 0 && n !== count), []);
  }));

Deno.test("finance.sync under kills while rows change: the copy equals a full one", () =>
  withScene(async (scene) => {
    const url = await scene.run("api").url();
    const sql = await scene.sql();
    // Makes the tables.
    await runUnderKills(scene, url, { type: "finance.sync" });
    const count = sized(10_000, 40_000);
    await sql`
      insert into ledger_entry (tenant_id, account, amount)
      select 'default', 'a' || n % 7, n from generate_series(1, ${count}) n`;
    let n = 0;
    const change = () =>
      sql`
        update ledger_entry set amount = amount + 1, xid = pg_current_xact_id()
         where tenant_id = 'default' and id = ${1 + ++n * 7919 % count}`;
    const piecemeal = { type: "finance.sync", payload: { chunk: 200 } };
    await beside(change, () => runUnderKills(scene, url, piecemeal));
    await runUnderKills(scene, url, piecemeal);
    const [row] = await sql`
      select count(*)::int as n
        from ledger_entry e full join ledger_copy c on c.tenant_id = e.tenant_id and c.id = e.id
       where (e.account, e.amount) is distinct from (c.account, c.amount)`;
    assertEquals(row?.n, 0);
  }));

Deno.test("email.campaign under kills: everybody gets the mail, bad ones are told", () =>
  withScene(async (scene) => {
    await using server = await mailServer((to) => to.startsWith("gone") ? 550 : null);
    const url = await scene.run("api").url();
    const count = sized(400, 4_000);
    const people = Array.from({ length: count }, (_, n) => {
      return n % 100 === 7
        ? `gone${n}@example.org`
        : n % 100 === 8
        ? `nobody ${n}`
        : `c${n}@example.org`;
    });
    const fileId = await upload(url, "customers.txt", people.join("\n"));
    await ask(`${url}/actors`, 201, {
      machine: "email.campaign",
      id: "spring",
      input: { subject: "Spring", fileId, window: 50 },
    });
    const settings = { SMTP_URL: server.url, JOB_MAX_CRASHES: "50", WORKER_CONCURRENCY: "10" };
    for (let kill = 0; kill < KILLS; kill++) {
      const worker = await scene.worker(settings);
      const before = server.taken.length;
      await eventually("mails go out", () => {
        return Promise.resolve(server.taken.length >= Math.min(before + 20, count * 0.98));
      }, PATIENCE_MS);
      await worker.kill();
    }
    const last = await scene.worker(settings);
    const ended = await eventually("it ends", async () => {
      const { output, status } = await ask<Actor>(`${url}/actors/spring`, 200);
      return status === "done" && Object(output);
    }, PATIENCE_MS);
    await last.kill();
    const bad = count / 50;
    const { recipients, sent, failed, left, errors } = ended;
    assertEquals([recipients, sent, failed, left, errors.length], [
      count,
      count - bad,
      bad,
      0,
      bad,
    ]);
    // A mail that went out as its worker died goes out again: under the same id.
    assertEquals(new Set(server.taken.map(({ to }) => to)).size, count - bad);
    assertEquals(new Set(server.taken.map(({ messageId }) => messageId)).size, count - bad);
  }));
