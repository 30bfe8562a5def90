-- Fragments that the queries of several modules include.

-- fragment: event_columns
-- The columns of an event, in the order of its fields.
event_id, sequence, event_type, payload, prev_hash, content_hash, signature, hash_alg_version,
sig_alg_version, agent_id, witness_id, witness_signature, local_timestamp, authority_timestamp,
signing_key_id, payload_hash, payload_salt

-- fragment: ranges_of_imports
-- Join `d` with the ranges of the imports of its agent: parameters of `ImportSpans`.
LEFT JOIN unnest(%(import_agents)s::text[], %(import_ranges)s::int8multirange[])
    AS i (agent_id, ranges) ON i.agent_id = d.agent_id

-- fragment: is_of_a_clock
-- True unless `d` is of an import, whose times are those of its records.
(d.agent_id IS NULL OR NOT coalesce(i.ranges @> d.sequence, false)
    AND NOT %(any_agent)s::int8multirange @> d.sequence)

-- fragment: warnings_of_clocks
-- Warnings `w` with their events, without those of imports.
FROM drifted_events d JOIN events e USING (sequence) JOIN clock_drift_warnings w ON w.event_id = e.event_id
    -- include: shared.ranges_of_imports
WHERE
    -- include: shared.is_of_a_clock

-- fragment: warning_filter
-- Conditions of `DriftFilter` except the agent. A filter that is not given is NULL.
  AND (%(min_seconds)s::numeric IS NULL OR w.drift_seconds >= %(min_seconds)s::numeric)
  AND (%(authority_from)s::timestamptz IS NULL OR w.authority_timestamp >= %(authority_from)s::timestamptz)
  AND (%(authority_to)s::timestamptz IS NULL OR w.authority_timestamp < %(authority_to)s::timestamptz)

-- fragment: chosen_warnings_of_clocks
-- The warnings of clocks that pass the filter. drifted_events is indexed by agent.
-- include: shared.warnings_of_clocks
  AND (%(agent_id)s::text IS NULL OR d.agent_id = %(agent_id)s::text)
-- include: shared.warning_filter
