/** A database full of jobs and of actors: made in it by statements, as many as are wanted at once. */

const states = { job: "pending", job_archive: "succeeded", dead_letter: "dead_letter" };

/** One of so many is of a queue, type and tag of its own. */
const RARE = 100_000;

/**
 * Jobs of the last hours, thirty milliseconds apart, of five queues and eight types, and what the
 * counters say of them.
 */
export function fillOf(table: keyof typeof states, count: number): string {
  const ended = table === "job" ? "" : ", has_output";
  const shift = Object.keys(states).indexOf(table);
  const state = `(select code from perdura.state_name where name = '${states[table]}')`;
  const isRare = `n % ${RARE} = ${RARE / 2}`;
  const error = table === "dead_letter"
    ? `jsonb_build_object('name', 'TimeoutError', 'message', 'host ' || n % 40 || ' did not answer',
         'fingerprint', md5((n % 40)::text), 'retryable', true, 'at', now())`
    : "null";
  return `
    with filled as (
      insert into perdura.${table} (
        tenant_id, id, lane, run_at, created_at, timeout_ms, version, state, priority, attempt,
        max_attempts, crashes, max_crashes, has_data, queue, type, payload, tags, last_error${ended})
      select 'default',
             (lpad(to_hex((extract(epoch from now()) * 1000)::bigint - 30 * n - ${shift}), 12, '0')
              || '7' || substr(md5(n || '${table}'), 1, 3) || '8'
              || substr(md5(n || '${table}'), 4, 15))::uuid,
             1, now(), now() - n * interval '30 milliseconds', 60000, 3, ${state}, 0, 1 + n % 3, 3, 0, 3,
             false, case when ${isRare} then 'rare' else 'queue-' || n % 5 end,
             case when ${isRare} then 'bench.rare' else 'bench.nobody-' || n % 8 end,
             json_build_object('order', n, 'customer', 'c-' || n % 1000),
             case when ${isRare} then array['rare'] else array['eu', 'batch-' || n % 50] end,
             ${error}${table === "job" ? "" : ", false"}
        from generate_series(1, ${count}) n returning queue)
    insert into perdura.counter_delta (tenant_id, queue, to_state, n)
    select 'default', queue, ${state}, count(*) from filled group by queue`;
}

/** Actors of two machines in seven states; few of them have stalled. */
export function fillActors(count: number): string {
  return `
    insert into perdura.actor (
      tenant_id, id, uid, root_id, machine, root_machine, machine_version, machine_hash, status, state,
      tags, version, created_at, updated_at, snapshot)
    select 'default', 'actor-' || lpad(n::text, 8, '0'), gen_random_uuid(), 'actor-' || lpad(n::text, 8, '0'),
           m, m, '1', 'bench', case when n % ${RARE} = ${RARE / 2} then 'stalled' else 'active' end,
           'open.step_' || n % 7, '{}', 5, now() - n * interval '1 second', now() - n * interval '1 second',
           json_build_object('context', json_build_object('order', n, 'customer', 'c-' || n % 1000))
      from (select n, 'bench_' || n % 2 as m from generate_series(1, ${count}) n) a`;
}
