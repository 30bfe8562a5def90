SELECT witness_id, public_key,
       to_char(active_from AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(active_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       from_sequence, until_sequence
FROM witnesses ORDER BY from_sequence, witness_id
