-- Keeps a picture; the same one of somebody else is as good. $1 hash, $2 layout, $3 SVG.
-- Locks: the row.
-- Index: primary key.
insert into perdura.chart_picture (hash, layout, svg) values ($1::text, $2::int, $3::text)
    on conflict do nothing
