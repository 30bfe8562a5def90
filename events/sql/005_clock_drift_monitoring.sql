-- AC4: an event whose two times differ by more than the threshold is accepted, and warned about.

-- One threshold for trigger and Python alike. NaN sorts above infinity, so the check refuses both.
CREATE TABLE ledger_config (
    singleton               BOOLEAN PRIMARY KEY DEFAULT true CHECK (singleton),
    drift_threshold_seconds NUMERIC NOT NULL DEFAULT 5
        CHECK (drift_threshold_seconds > 0 AND drift_threshold_seconds < 'Infinity'),
    -- What an operator last set alone, and the head then: until a ceremony decides, every later event
    -- is compared with it, so that verifications know which of them must have a warning.
    operator_threshold_seconds NUMERIC NOT NULL DEFAULT 5,
    operator_threshold_from    BIGINT  NOT NULL DEFAULT 0
);
INSERT INTO ledger_config DEFAULT VALUES;
COMMENT ON TABLE ledger_config IS 'One row: the drift threshold in seconds';

CREATE FUNCTION set_drift_threshold(seconds NUMERIC) RETURNS NUMERIC
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    UPDATE ledger_config SET drift_threshold_seconds = seconds RETURNING drift_threshold_seconds
$$;
REVOKE ALL ON FUNCTION set_drift_threshold FROM PUBLIC;

-- NUMERIC without precision: a clock stuck in 1970 is off by more than NUMERIC(10,3) can say, and
-- an overflow here would reject its events.
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
COMMENT ON COLUMN clock_drift_warnings.drift_seconds IS 'Absolute, to the millisecond; the two timestamps give the direction';

CREATE TRIGGER refuse_change_of_clock_drift_warnings
    BEFORE UPDATE OR DELETE OR TRUNCATE ON clock_drift_warnings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE clock_drift_warnings ENABLE ALWAYS TRIGGER refuse_change_of_clock_drift_warnings;

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
    RETURN NULL;
END
$$;
-- It writes with the owner's rights: nobody else may hang it on a table of his own.
REVOKE ALL ON FUNCTION log_clock_drift FROM PUBLIC;
CREATE TRIGGER log_clock_drift_on_insert
    AFTER INSERT ON events REFERENCING NEW TABLE AS new_events
    FOR EACH STATEMENT EXECUTE FUNCTION log_clock_drift();
ALTER TABLE events ENABLE ALWAYS TRIGGER log_clock_drift_on_insert;
