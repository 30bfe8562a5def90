-- The newest warnings of a time, `most` at most: their ids, from where to where they reach, and
-- whether there are more. `logged_at` is when the append began, so no later than the authority
-- time; no append takes a day.
WITH edges AS (
    SELECT CASE WHEN %(authority_from)s::timestamptz IS NULL THEN 1 ELSE coalesce((
               SELECT id FROM clock_drift_warnings WHERE logged_at >= %(authority_from)s::timestamptz - interval '1 day'
               ORDER BY logged_at, id LIMIT 1), 9223372036854775807) END AS low,
           CASE WHEN %(authority_to)s::timestamptz IS NULL THEN 9223372036854775807 ELSE coalesce((
               SELECT id FROM clock_drift_warnings WHERE logged_at < %(authority_to)s::timestamptz
               ORDER BY logged_at DESC, id DESC LIMIT 1), 0) END AS high
), newest AS (
    SELECT w.id, w.authority_timestamp FROM clock_drift_warnings w, edges
    WHERE w.id BETWEEN edges.low AND edges.high
      AND (%(authority_from)s::timestamptz IS NULL OR w.authority_timestamp >= %(authority_from)s::timestamptz)
      AND (%(authority_to)s::timestamptz IS NULL OR w.authority_timestamp < %(authority_to)s::timestamptz)
      AND isfinite(w.authority_timestamp) AND isfinite(w.local_timestamp)
    ORDER BY w.id DESC LIMIT %(most)s + 1
), kept AS (
    SELECT * FROM newest ORDER BY id DESC LIMIT %(most)s
)
SELECT min(id), max(id), count(*), min(authority_timestamp), max(authority_timestamp),
       (SELECT count(*) > %(most)s FROM newest)
FROM kept
