-- fragment: chosen_entries
-- Entries that pass the filter. A filter that is not given is NULL; times are half-open.
SELECT id, at, kind, who, agent_id, address, route, asked, outcome, status, events
FROM access_log
WHERE (%(before)s::bigint IS NULL OR id < %(before)s::bigint)
  AND (%(after)s::bigint IS NULL OR id > %(after)s::bigint)
  AND (%(who)s::text IS NULL OR who = %(who)s::text)
  AND (%(route)s::text IS NULL OR route = %(route)s::text)
  AND (%(address)s::text IS NULL OR address = %(address)s::text)
  AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s::text)
  AND (%(at_from)s::timestamptz IS NULL OR at >= %(at_from)s::timestamptz)
  AND (%(at_to)s::timestamptz IS NULL OR at < %(at_to)s::timestamptz)

-- name: newest
-- Entries that pass the filter, newest first.
-- include: access_log.chosen_entries
ORDER BY id DESC LIMIT %(limit)s

-- name: oldest
-- Entries that pass the filter, oldest first.
-- include: access_log.chosen_entries
ORDER BY id LIMIT %(limit)s

-- name: insert
-- Insert entries, given as one array for each column.
INSERT INTO access_log (at, kind, who, agent_id, address, route, asked, outcome, status, events)
SELECT * FROM unnest(%(at)s::timestamptz[], %(kind)s::text[], %(who)s::text[], %(agent_id)s::text[],
                     %(address)s::text[], %(route)s::text[], %(asked)s::text[], %(outcome)s::text[],
                     %(status)s::smallint[], %(events)s::bigint[])

-- name: note_token_uses
-- Store when tokens were last used, at most once a minute for each.
UPDATE api_tokens SET last_used_at = used.at
FROM (SELECT token, max(moment) AS at
      FROM unnest(%(tokens)s::text[], %(moments)s::timestamptz[]) AS each (token, moment)
      GROUP BY token) AS used
WHERE api_tokens.token_key = used.token
  AND (api_tokens.last_used_at IS NULL OR api_tokens.last_used_at < used.at - interval '1 minute')

-- name: count_refusals
-- Add to the counts. Rows are updated in order, so that concurrent processes cannot deadlock.
INSERT INTO refusals AS known (problem, number)
SELECT * FROM unnest(%(problems)s::text[], %(numbers)s::bigint[]) AS counted (problem, number) ORDER BY problem
ON CONFLICT (problem) DO UPDATE SET number = known.number + excluded.number

-- name: take_sign_in
-- Take one attempt from the network's bucket, which refills in a minute; no row if it is empty.
INSERT INTO sign_in_buckets AS known (network, level, at)
VALUES (%(network)s, %(most)s - 1, clock_timestamp())
ON CONFLICT (network) DO UPDATE SET
    level = least(%(most)s, known.level + extract(epoch FROM clock_timestamp() - known.at) * %(most)s / 60.0) - 1,
    at = clock_timestamp()
WHERE known.level + extract(epoch FROM clock_timestamp() - known.at) * %(most)s / 60.0 >= 1
RETURNING level

-- name: forget_sign_ins
-- Delete the buckets that are full again, except those that another session is using.
DELETE FROM sign_in_buckets WHERE network IN (
    SELECT network FROM sign_in_buckets WHERE at < clock_timestamp() - interval '1 minute'
    FOR UPDATE SKIP LOCKED
)
