-- A worker is alive. $1 id, $2 every how many ms it says so, $3 version of the program, $4 types, $5 machines
-- (array literals), $6 queues (array literal, null: all), $7 partition key, $8 concurrency, $9 how many run
-- now, $10 the charts whose work it does (array literal).
-- Locks: its own row. Index: primary key of worker.
-- Said when it begins and with the renewal of its leases: no job costs anything for it.
insert into perdura.worker as w (
  id, every_ms, version, types, machines, queues, partition_key, concurrency, running, charts)
values ($1::uuid, $2::integer, $3::text, $4::text[], $5::text[], $6::text[], $7::text, $8::integer,
        $9::integer, $10::text[])
on conflict (id) do update
  set beat_at = now(), running = excluded.running
