-- Live jobs that have waited, or run, longer than a time, and since when the oldest is due. $1 tenant
-- (null: all), $2 states that wait, $3 and $4 milliseconds: waited, run (null: unknown).
-- What has to pass a paused gate waits for an operator, and is passed over.
-- Locks: nothing.
-- Index: none fits; whoever asks sees to it that it is asked rarely.
select j.state as s,
       count(*) filter (where case when j.state = any($2::smallint[])
         then j.run_at < now() - $3::float8 * interval '1 millisecond'
         else j.started_at < now() - $4::float8 * interval '1 millisecond' end)::float8 as n,
       (extract(epoch from now() - min(j.run_at)
         filter (where j.state = any($2::smallint[]) and j.run_at <= now())) * 1000)::float8 as oldest
  from perdura.job j
 where ($1::text is null or j.tenant_id = $1::text)
   and not exists (
         select from perdura.gate g
          where g.paused_at is not null and g.tenant_id in (j.tenant_id, '*')
            and g.name = case g.kind when 0 then '' when 1 then j.queue else j.type end)
 group by j.state order by j.state
