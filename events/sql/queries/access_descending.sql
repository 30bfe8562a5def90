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
ORDER BY id DESC
LIMIT %(limit)s
