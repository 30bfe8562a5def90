-- Number of events with a drift warning for each import, by its index in the arrays. `agents` are
-- names joined by U+0001; where `named` is false, any agent counts.
SELECT i.place, count(*)
FROM unnest(%(firsts)s::bigint[], %(lasts)s::bigint[], %(named)s::boolean[], %(agents)s::text[])
         WITH ORDINALITY AS i (first, last, named, agents, place)
JOIN drifted_events d ON d.sequence BETWEEN i.first AND i.last AND d.agent_id IS NOT NULL
     AND (NOT i.named OR d.agent_id = ANY (string_to_array(i.agents, E'\x01')))
GROUP BY i.place
