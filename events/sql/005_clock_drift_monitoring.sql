-- AC4: an event whose two times differ by more than the threshold is accepted, and a warning is logged.

-- The name of the ledger, and the settings that the trigger, Python and the ceremonies share. The append lock is a lock on
-- this table. NaN sorts above infinity, so the check of the threshold refuses both.
CREATE TABLE ledger_config (
    singleton               BOOLEAN PRIMARY KEY DEFAULT true CHECK (singleton),
    -- The name of this ledger among all ledgers.
    ledger_id               UUID    NOT NULL DEFAULT gen_random_uuid(),
    drift_threshold_seconds NUMERIC NOT NULL DEFAULT 5
        CHECK (drift_threshold_seconds > 0 AND drift_threshold_seconds < 'Infinity'),
    -- The age at which the proposal of a ceremony expires.
    proposal_days              INTEGER NOT NULL DEFAULT 30 CHECK (proposal_days BETWEEN 1 AND 366)
);
INSERT INTO ledger_config DEFAULT VALUES;
COMMENT ON TABLE ledger_config IS 'One row: the name of the ledger, the drift threshold in seconds, and how long a proposal stands';

-- drift_seconds is NUMERIC without precision: a clock stuck in 1970 is off by more than NUMERIC(10,3)
-- can hold, and an overflow here would refuse its events.
CREATE TABLE clock_drift_warnings (
    id                  BIGSERIAL   PRIMARY KEY,
    event_id            UUID        NOT NULL REFERENCES events (event_id),
    local_timestamp     TIMESTAMPTZ NOT NULL,
    authority_timestamp TIMESTAMPTZ NOT NULL,
    drift_seconds       NUMERIC     NOT NULL,
    logged_at           TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX clock_drift_warnings_event_id ON clock_drift_warnings (event_id);
CREATE INDEX clock_drift_warnings_logged_at ON clock_drift_warnings (logged_at);
COMMENT ON TABLE clock_drift_warnings IS 'Events whose clocks differ by more than the threshold (AC4)';
COMMENT ON COLUMN clock_drift_warnings.drift_seconds IS
    'Absolute, to the millisecond; the two timestamps give the direction';

CREATE TRIGGER refuse_change_of_clock_drift_warnings
    BEFORE UPDATE OR DELETE OR TRUNCATE ON clock_drift_warnings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE clock_drift_warnings ENABLE ALWAYS TRIGGER refuse_change_of_clock_drift_warnings;

-- The sequences of the events with a warning, by agent. Warnings refer to events by event_id only, so
-- a search for an agent's drifted events would otherwise look up every warning's event. Only events
-- that drift cost a row here.
CREATE TABLE drifted_events (
    sequence BIGINT PRIMARY KEY,
    agent_id TEXT
);
CREATE INDEX drifted_events_agent_id_sequence ON drifted_events (agent_id, sequence);
COMMENT ON TABLE drifted_events IS 'Sequence and agent of every event in clock_drift_warnings';

CREATE TRIGGER refuse_change_of_drifted_events
    BEFORE UPDATE OR DELETE OR TRUNCATE ON drifted_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE drifted_events ENABLE ALWAYS TRIGGER refuse_change_of_drifted_events;

-- Logs a warning for each new event beyond the threshold. It runs with the owner's rights, because the
-- application may not write these tables itself.
CREATE FUNCTION log_clock_drift() RETURNS trigger
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
CREATE TRIGGER log_clock_drift_on_insert
    AFTER INSERT ON events REFERENCING NEW TABLE AS new_events
    FOR EACH STATEMENT EXECUTE FUNCTION log_clock_drift();
ALTER TABLE events ENABLE ALWAYS TRIGGER log_clock_drift_on_insert;
