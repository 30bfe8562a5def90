-- Places where authority time decreases along the sequence: in the newest appends after
-- `appends_after`, and event by event in start … end.
WITH found AS (
    SELECT first_sequence AS sequence, previous, authority_timestamp, previous_time FROM (
        SELECT first_sequence, authority_timestamp, lag(last_sequence) OVER w AS previous,
               lag(authority_timestamp) OVER w AS previous_time
        FROM appends WHERE last_sequence > %(appends_after)s::bigint
        WINDOW w AS (ORDER BY last_sequence)
    ) a WHERE authority_timestamp < previous_time
    UNION
    SELECT sequence, previous, authority_timestamp, previous_time FROM (
        SELECT sequence, authority_timestamp, lag(sequence) OVER w AS previous,
               lag(authority_timestamp) OVER w AS previous_time
        FROM events WHERE sequence BETWEEN %(start)s::bigint AND %(end)s::bigint
        WINDOW w AS (ORDER BY sequence)
    ) e WHERE authority_timestamp < previous_time
)
SELECT DISTINCT ON (sequence) sequence, previous,
       to_char(previous_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(authority_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       round(extract(epoch FROM previous_time - authority_timestamp), 3)
FROM found ORDER BY sequence DESC LIMIT %(limit)s
