/**
 * `deno run -A --config deno.json e2e/long_past.ts STATE_DIR ACTOR STEPS`: makes the past of an actor so
 * long, by its own last hundred steps again and again. Run with the configuration of the project.
 */
import postgres from "postgres";
import { attachEmbedded } from "../src/embedded/server.ts";

const [dir = "", actor = "", steps = ""] = Deno.args;
/** As many as lie between two snapshots, or some times as many. */
const BLOCK = 100;

const server = await attachEmbedded({ dir });
const sql = postgres(server.url, { max: 1, onnotice: () => {} });
await sql.begin(async (tx) => {
  const [{ version }] = await tx`
    select version from perdura.actor where id = ${actor} for update`;
  await tx`
    insert into perdura.actor_step (
      tenant_id, actor_id, version, at, event, from_state, to_state, status, tags, outcome, reason,
      cause, worker, mail_id, machine_version, body, effects, patch, snapshot)
    select tenant_id, actor_id, version + n, at, event, from_state, to_state, status, tags, outcome,
           reason, cause, worker, mail_id, machine_version, body, effects, patch, snapshot
      from perdura.actor_step, generate_series(${BLOCK}::integer, ${
    Number(steps) - version
  }::integer, ${BLOCK}::integer) n
     where actor_id = ${actor} and version > ${version - BLOCK}`;
  await tx`
    update perdura.actor set version = (
      select max(version) from perdura.actor_step where actor_id = ${actor}) where id = ${actor}`;
});
// What has been there for a month is vacuumed and on the disk: nothing of that is left to do meanwhile.
await sql`vacuum (analyze) perdura.actor_step`;
await sql`checkpoint`;
await sql.end();
await server.close();
