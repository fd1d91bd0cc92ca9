-- A picture that was drawn before. $1 hash of the chart, $2 layout.
-- Locks: nothing.
-- Index: primary key.
select svg from perdura.chart_picture where hash = $1::text and layout = $2::int
