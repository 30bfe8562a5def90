-- name: threshold
-- The threshold in seconds that the trigger uses.
SELECT drift_threshold_seconds FROM ledger_config

-- name: warnings_of_range
-- The drift warnings of the events of a range.
SELECT e.sequence, w.id, canonical_time(w.local_timestamp), canonical_time(w.authority_timestamp), w.drift_seconds
FROM events e JOIN clock_drift_warnings w ON w.event_id = e.event_id
WHERE e.sequence BETWEEN %(start)s::bigint AND %(end)s::bigint
ORDER BY e.sequence, w.id

-- name: drifted_in_range
-- The entries of drifted_events in a range.
SELECT sequence, agent_id FROM drifted_events WHERE sequence BETWEEN %(start)s::bigint AND %(end)s::bigint
ORDER BY sequence

-- fragment: warning_columns
-- A warning `w` with its event `e`.
w.id, e.sequence, w.event_id::text, e.event_type, e.agent_id, canonical_time(w.local_timestamp),
canonical_time(w.authority_timestamp), w.drift_seconds, w.local_timestamp > w.authority_timestamp

-- fragment: chosen_warnings
-- Warnings that pass the filter, those of imports among them.
SELECT
    -- include: drift.warning_columns
FROM clock_drift_warnings w JOIN events e ON e.event_id = w.event_id
WHERE (%(agent_id)s::text IS NULL OR e.agent_id = %(agent_id)s::text)
  -- include: shared.warning_filter

-- fragment: sequence_of_warning
-- From the warning `v` to the sequence of its event.
SELECT c.sequence FROM clock_drift_warnings v JOIN events c USING (event_id)

-- name: oldest
-- Warnings that pass the filter, oldest first, after an id; NULL for all.
-- include: drift.chosen_warnings
  AND (%(after)s::bigint IS NULL OR w.id > %(after)s::bigint)
ORDER BY w.id LIMIT %(limit)s

-- name: newest
-- Warnings that pass the filter, newest first, before an id; NULL for all.
-- include: drift.chosen_warnings
  AND (%(before)s::bigint IS NULL OR w.id < %(before)s::bigint)
ORDER BY w.id DESC LIMIT %(limit)s

-- name: oldest_of_clocks
-- The same without the warnings of imports, oldest first, after the event of a warning.
SELECT
    -- include: drift.warning_columns
-- include: shared.chosen_warnings_of_clocks
  AND d.sequence > coalesce((
    -- include: drift.sequence_of_warning
    WHERE v.id = %(after)s::bigint), 0)
ORDER BY d.sequence LIMIT %(limit)s

-- name: newest_of_clocks
-- The same, newest first, before the event of a warning.
SELECT
    -- include: drift.warning_columns
-- include: shared.chosen_warnings_of_clocks
  AND (%(before)s::bigint IS NULL OR d.sequence < (
    -- include: drift.sequence_of_warning
    WHERE v.id = %(before)s::bigint))
ORDER BY d.sequence DESC LIMIT %(limit)s
