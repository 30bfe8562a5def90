INSERT INTO access_log (at, kind, who, agent_id, address, route, asked, outcome, status, events)
SELECT * FROM unnest(%(at)s::timestamptz[], %(kind)s::text[], %(who)s::text[], %(agent_id)s::text[],
                     %(address)s::text[], %(route)s::text[], %(asked)s::text[], %(outcome)s::text[],
                     %(status)s::smallint[], %(events)s::bigint[])
