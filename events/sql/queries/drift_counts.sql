-- Number of drift warnings of events after each mark, of running clocks and of imports, among the
-- newest `most`.
WITH newest AS (
    SELECT d.sequence, d.agent_id FROM drifted_events d
    WHERE d.sequence > (SELECT min(mark) FROM unnest(%(marks)s::bigint[]) mark)
    ORDER BY d.sequence DESC LIMIT %(most)s
), told AS (
    SELECT d.sequence, d.agent_id IS NOT NULL AND (coalesce(i.ranges @> d.sequence, false)
           OR %(any_agent)s::int8multirange @> d.sequence) AS imported
    FROM newest d LEFT JOIN unnest(%(import_agents)s::text[], %(import_ranges)s::int8multirange[])
         AS i (agent_id, ranges) ON i.agent_id = d.agent_id
)
SELECT (SELECT count(*) FROM told t WHERE t.sequence > m.mark AND NOT t.imported),
       (SELECT count(*) FROM told t WHERE t.sequence > m.mark AND t.imported)
FROM unnest(%(marks)s::bigint[]) WITH ORDINALITY AS m (mark, place)
ORDER BY m.place
