-- The watch's own records: the result of each check, and the alerts it sent. What is wrong with the ledger
-- is recorded in the ledger itself, as events, and the watch's position in a file outside the database.

CREATE TABLE watch_looks (
    id                BIGSERIAL   PRIMARY KEY,
    began_at          TIMESTAMPTZ NOT NULL,
    seconds           NUMERIC     NOT NULL,
    watcher           TEXT        NOT NULL,
    head_sequence     BIGINT      NOT NULL,
    -- New events are verified up to verified_through. Older ones are verified again in rounds: the present
    -- round has come to rolled_through and ends at round_end. Every event that existed at verified_since
    -- was verified after that time.
    verified_through  BIGINT      NOT NULL,
    verified_since    TIMESTAMPTZ NOT NULL,
    rolled_through    BIGINT      NOT NULL,
    round_end         BIGINT      NOT NULL,
    round_began_at    TIMESTAMPTZ NOT NULL,
    round_seconds     NUMERIC,
    promised_seconds  BIGINT      NOT NULL,
    backward_steps    BIGINT      NOT NULL,
    open_findings     JSONB       NOT NULL,
    unrecorded        JSONB       NOT NULL
);
CREATE INDEX watch_looks_began_at ON watch_looks (began_at);
COMMENT ON TABLE watch_looks IS 'Checks by the watch, kept for a day';

CREATE TABLE watch_alerts (
    id          BIGSERIAL   PRIMARY KEY,
    channel     TEXT        NOT NULL CHECK (channel IN ('email', 'webhook')),
    findings    JSONB       NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    state       TEXT        NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'failed')),
    attempts    INTEGER     NOT NULL DEFAULT 0,
    ended_at    TIMESTAMPTZ,
    last_error  TEXT,
    -- Made by the process that delivered it, with a secret that is not in the database.
    seal        TEXT,
    CHECK ((ended_at IS NOT NULL) = (state <> 'waiting'))
);
CREATE INDEX watch_alerts_not_sent ON watch_alerts (state, id) WHERE state <> 'sent';
COMMENT ON TABLE watch_alerts IS 'Alerts by e-mail and webhook: waiting, sent, or given up';

-- Refuses changes to an alert that has ended, and to the contents of any.
CREATE FUNCTION guard_watch_alert() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR (NEW.id, NEW.channel, NEW.findings, NEW.created_at)
       IS DISTINCT FROM (OLD.id, OLD.channel, OLD.findings, OLD.created_at) THEN
        RAISE EXCEPTION 'alert %: what was told is not changed', OLD.id USING ERRCODE = 'AP004';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard_watch_alerts
    BEFORE UPDATE ON watch_alerts FOR EACH ROW EXECUTE FUNCTION guard_watch_alert();
CREATE TRIGGER refuse_removal_of_watch_alerts
    BEFORE DELETE OR TRUNCATE ON watch_alerts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE watch_alerts ENABLE ALWAYS TRIGGER guard_watch_alerts;
ALTER TABLE watch_alerts ENABLE ALWAYS TRIGGER refuse_removal_of_watch_alerts;
