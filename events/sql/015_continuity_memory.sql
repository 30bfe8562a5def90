-- The memory of complete ranges, so that pages and range reads need not count the whole sequence each time.
--
-- It is bookkeeping beside the ledger and never evidence. The application cannot write it, only ask
-- remember_continuity to look for itself; and since the owner of the table could write anything into it,
-- every number is looked at again in rounds. Forgetting is always safe: numbers that are not remembered
-- are counted.

CREATE TABLE continuity_memory (
    singleton               BOOLEAN        PRIMARY KEY DEFAULT true CHECK (singleton),
    -- The numbers that had their event when they were last looked at.
    seen_whole              INT8MULTIRANGE NOT NULL DEFAULT '{}',
    -- The progress of the round under way.
    looked_through          BIGINT         NOT NULL DEFAULT 0,
    round_began_at          TIMESTAMPTZ    NOT NULL DEFAULT now(),
    previous_round_began_at TIMESTAMPTZ
);
INSERT INTO continuity_memory DEFAULT VALUES;
COMMENT ON TABLE continuity_memory IS
    'One row: sequences that were seen to be present, and the progress of the round that looks at them again';

-- Looks at new numbers, then at as many known ones as are due for a round to take round_seconds, block by
-- block and for at most at_most_seconds, and remembers the result. Returns true if more is due than it
-- had time for. If another session is looking, it returns at once.
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
    BEGIN -- a lock that only the owner may take, like the ledger's
        LOCK TABLE public.continuity_memory IN SHARE UPDATE EXCLUSIVE MODE NOWAIT;
    EXCEPTION WHEN lock_not_available THEN
        RETURN false;
    END;
    SELECT * INTO STRICT memory FROM continuity_memory;
    SELECT coalesce(max(sequence), 0) INTO tail FROM events;
    memory.seen_whole := memory.seen_whole * int8multirange(int8range(1, tail + 1));

    -- New numbers, once they fill a block. A memory with too many ranges takes no more.
    known := coalesce(upper(memory.seen_whole) - 1, 0);
    IF tail >= known + 4096 AND (SELECT count(*) FROM unnest(memory.seen_whole)) < most_ranges THEN
        SELECT p.seen_whole, p.looked INTO memory.seen_whole, looked
            FROM look_at_numbers(memory.seen_whole, known, tail, began, at_most_seconds) p;
        anew := true;
        known := looked;
    END IF;

    -- Known numbers. A round that is through starts again when its time is over; one whose start lies in
    -- the future starts now.
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
    due := least(known,
        ceil(known * extract(epoch FROM began - memory.round_began_at)::double precision / round_seconds));
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

-- Looks at the numbers after `looked`, block by block, until it passes `through` or time is over, and
-- replaces what was remembered of them. A complete block has as many events as numbers, and the same sum
-- of their hashes under a random seed: a number that occurs twice does not make up for a missing one.
-- An incomplete block is looked at number by number.
CREATE FUNCTION look_at_numbers(
    INOUT seen_whole INT8MULTIRANGE, INOUT looked BIGINT,
    through BIGINT, began TIMESTAMPTZ, at_most_seconds DOUBLE PRECISION
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
        ELSE -- a gap: skip to the next event, however far
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
