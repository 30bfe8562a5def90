SELECT o.last_sequence, o.content_hash,
       to_char(o.authority_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       (SELECT c.drift_threshold_seconds FROM ledger_config c)
FROM open_append() o
