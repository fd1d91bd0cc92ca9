/** Services under kill -9: what they write is there once, and never in part where it must not be. */
import { assertEquals } from "@std/assert";
import type postgres from "postgres";
import type { NewJobInput } from "../../src/core/job.ts";
import { eventually } from "../support/build.ts";
import { getJob, submit } from "./client.ts";
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
