-- Whether there is an API key that is still good. No parameters.
-- Locks: nothing.
-- Index: primary key of api_key; asked at the start of an API.
select exists (
  select from perdura.api_key where revoked_at is null and coalesce(expires_at, 'infinity') > now()) as found
