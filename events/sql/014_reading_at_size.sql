-- Reading at size: what keeps a look at the whole ledger, and a page of it, from growing with it.

-- Gaps are counted in blocks of 4,096 numbers. Without this the planner takes every number for a
-- block of its own, and neither counts in parallel nor hashes in memory. ANALYZE fills it; an
-- append does not touch it.
CREATE STATISTICS events_blocks ON ((sequence - 1) / 4096) FROM events;

-- Only pages that a vacuum has marked are counted without a look at the table. By default the next
-- vacuum waits for a fifth of the table, so what it leaves would grow with the ledger. There are no
-- dead rows here: it reads the new pages and nothing else.
ALTER TABLE events SET (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
                        autovacuum_analyze_scale_factor = 0.05);

-- What was seen whole, so that pages and ranges need not count it again: bookkeeping beside the
-- ledger, never evidence. A number in seen_whole had its event when it was last looked at.
-- Nobody is taken at his word for that: the application can only ask remember_continuity to look
-- for itself, and since whoever owns the table could write into it, every number is looked at again
-- in rounds. Forgetting is always safe: what is not remembered is counted.
CREATE TABLE continuity_memory (
    singleton               BOOLEAN        PRIMARY KEY DEFAULT true CHECK (singleton),
    seen_whole              INT8MULTIRANGE NOT NULL DEFAULT '{}',
    looked_through          BIGINT         NOT NULL DEFAULT 0, -- how far the round under way has come
    round_began_at          TIMESTAMPTZ    NOT NULL DEFAULT now(),
    previous_round_began_at TIMESTAMPTZ
);
INSERT INTO continuity_memory DEFAULT VALUES;
COMMENT ON TABLE continuity_memory IS 'One row: numbers of the sequence that were seen present, and how far the round that distrusts them is';

-- Looks at what is new, then at as much of what is old as is due by now for a round to take
-- round_seconds, block by block, and at most so long; keeps what it saw. Returns whether it was held up:
-- there is more that is due. Somebody else's look is enough: it does not wait for it.
CREATE FUNCTION remember_continuity(round_seconds DOUBLE PRECISION, at_most_seconds DOUBLE PRECISION) RETURNS BOOLEAN
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    began CONSTANT TIMESTAMPTZ := clock_timestamp();
    most_ranges CONSTANT INTEGER := 10000;
    memory continuity_memory;
    tail BIGINT;
    known BIGINT;
    due BIGINT;
    looked BIGINT;
    anew BOOLEAN := false;
BEGIN
    BEGIN -- a lock that only the owner may take, as the ledger's own
        LOCK TABLE public.continuity_memory IN SHARE UPDATE EXCLUSIVE MODE NOWAIT;
    EXCEPTION WHEN lock_not_available THEN
        RETURN false;
    END;
    SELECT * INTO STRICT memory FROM continuity_memory;
    SELECT coalesce(max(sequence), 0) INTO tail FROM events;
    memory.seen_whole := memory.seen_whole * int8multirange(int8range(1, tail + 1));

    -- What is new, once it is a block. A memory that is full of holes takes nothing more.
    known := coalesce(upper(memory.seen_whole) - 1, 0);
    IF tail >= known + 4096 AND (SELECT count(*) FROM unnest(memory.seen_whole)) < most_ranges THEN
        SELECT p.seen_whole, p.looked INTO memory.seen_whole, looked
            FROM look_at_numbers(memory.seen_whole, known, tail, began, at_most_seconds) p;
        anew := true;
        known := looked;
    END IF;

    -- What is old. A round that has come to the end begins again when its time is over; one that
    -- claims to begin in the future begins now.
    IF memory.round_began_at > began THEN
        memory.round_began_at := began;
        memory.looked_through := 0;
        anew := true;
    END IF;
    IF memory.looked_through >= known AND began >= memory.round_began_at + make_interval(secs => round_seconds) THEN
        memory.previous_round_began_at := memory.round_began_at;
        memory.round_began_at := began;
        memory.looked_through := 0;
        anew := true;
    END IF;
    due := least(known, ceil(known * extract(epoch FROM began - memory.round_began_at)::double precision / round_seconds));
    looked := memory.looked_through;
    IF due > looked THEN
        SELECT p.seen_whole, p.looked INTO memory.seen_whole, looked
            FROM look_at_numbers(memory.seen_whole, memory.looked_through, due, began, at_most_seconds) p;
        memory.looked_through := looked;
        anew := true;
    END IF;

    IF anew THEN
        UPDATE continuity_memory SET
            looked_through = memory.looked_through, round_began_at = memory.round_began_at,
            previous_round_began_at = memory.previous_round_began_at,
            seen_whole = (SELECT coalesce(range_agg(r), '{}')
                          FROM (SELECT r FROM unnest(memory.seen_whole) r ORDER BY r LIMIT most_ranges) lowest);
    END IF;
    RETURN looked < due OR known < tail - 4096;
END
$$;

-- Looks at the blocks after `looked` until `through` is passed or time is over, and puts what is
-- there in the place of what was remembered of them. A block that is not whole is looked into; a
-- number that stands twice does not make up for one that is missing, as in gaps.sql.
CREATE FUNCTION look_at_numbers(
    INOUT seen_whole INT8MULTIRANGE, INOUT looked BIGINT, through BIGINT, began TIMESTAMPTZ, at_most_seconds DOUBLE PRECISION
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    deadline CONSTANT TIMESTAMPTZ := began + make_interval(secs => at_most_seconds);
    before CONSTANT BIGINT := looked;
    tail BIGINT;
    block_end BIGINT;
    present BIGINT;
    seed CONSTANT BIGINT := (random() * 9e18)::bigint;
    print NUMERIC;
    whole CONSTANT NUMERIC := (SELECT sum(hashint8extended(place, seed)) FROM generate_series(0::bigint, 4095) place);
    found INT8MULTIRANGE := '{}';
    inside INT8MULTIRANGE;
BEGIN
    SELECT coalesce(max(e.sequence), 0) INTO tail FROM events e;
    through := least(through, tail);
    WHILE looked < through LOOP
        block_end := least((looked / 4096 + 1) * 4096, tail);
        SELECT count(*), sum(hashint8extended((e.sequence - 1) % 4096, seed)) INTO present, print
            FROM events e WHERE e.sequence > looked AND e.sequence <= block_end;
        IF present = block_end - looked AND print = (CASE WHEN present = 4096 THEN whole ELSE (
            SELECT sum(hashint8extended((n - 1) % 4096, seed)) FROM generate_series(looked + 1, block_end) n) END) THEN
            found := found + int8multirange(int8range(looked + 1, block_end + 1));
        ELSIF present > 0 THEN
            SELECT range_agg(int8range(e.sequence, e.sequence + 1)) INTO inside
                FROM events e WHERE e.sequence > looked AND e.sequence <= block_end;
            found := found + inside;
        ELSE -- a gap, however long: on to the next event
            SELECT min(e.sequence) - 1 INTO block_end FROM events e WHERE e.sequence > block_end;
            block_end := coalesce(block_end, tail);
        END IF;
        looked := block_end;
        EXIT WHEN clock_timestamp() >= deadline;
    END LOOP;
    IF looked > before THEN
        seen_whole := seen_whole - int8multirange(int8range(before + 1, looked + 1)) + found;
    END IF;
END
$$;
REVOKE ALL ON FUNCTION remember_continuity, look_at_numbers FROM PUBLIC;

-- The places of the events that were warned about, by agent. The warnings name events by event_id
-- alone, so a search for drifted events of an agent that has none had to look all of them up. Only
-- an event that drifts pays for it.
CREATE TABLE drifted_events (
    sequence BIGINT PRIMARY KEY,
    agent_id TEXT
);
COMMENT ON TABLE drifted_events IS 'Sequence and agent of every event in clock_drift_warnings';
INSERT INTO drifted_events (sequence, agent_id)
SELECT sequence, agent_id FROM events WHERE event_id IN (SELECT event_id FROM clock_drift_warnings);
CREATE INDEX drifted_events_agent_id_sequence ON drifted_events (agent_id, sequence);

CREATE TRIGGER refuse_change_of_drifted_events
    BEFORE UPDATE OR DELETE OR TRUNCATE ON drifted_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE drifted_events ENABLE ALWAYS TRIGGER refuse_change_of_drifted_events;

CREATE OR REPLACE FUNCTION log_clock_drift() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    threshold NUMERIC;
BEGIN
    SELECT drift_threshold_seconds INTO STRICT threshold FROM ledger_config;
    INSERT INTO clock_drift_warnings (event_id, local_timestamp, authority_timestamp, drift_seconds)
    SELECT n.event_id, n.local_timestamp, n.authority_timestamp,
           round(abs(extract(epoch FROM n.local_timestamp - n.authority_timestamp)), 3)
    FROM new_events n
    WHERE abs(extract(epoch FROM n.local_timestamp - n.authority_timestamp)) > threshold
    ORDER BY n.sequence;
    IF FOUND THEN
        INSERT INTO drifted_events (sequence, agent_id)
        SELECT n.sequence, n.agent_id
        FROM new_events n
        WHERE abs(extract(epoch FROM n.local_timestamp - n.authority_timestamp)) > threshold
        ORDER BY n.sequence;
    END IF;
    RETURN NULL;
END
$$;
