-- The log of who read what of the ledger, and the limits and counts of requests.

CREATE TABLE access_log (
    id       BIGSERIAL   PRIMARY KEY,
    at       TIMESTAMPTZ NOT NULL,
    kind     TEXT        NOT NULL CHECK (kind IN ('account', 'token', 'public')),
    -- The account's name, or the beginning of the token as `manage.py tokens` lists it. Not a foreign key:
    -- accounts and tokens can be removed, and their entries stay.
    who      TEXT        CHECK ((who IS NULL) = (kind = 'public')),
    agent_id TEXT,
    address  TEXT        NOT NULL,
    route    TEXT        NOT NULL,
    asked    TEXT        NOT NULL,
    outcome  TEXT        NOT NULL CHECK (outcome IN ('answered', 'refused', 'begun', 'sent', 'broken off')),
    status   SMALLINT    NOT NULL,
    events   BIGINT      CHECK (events >= 0)
);
CREATE INDEX access_log_who ON access_log (who, id);
COMMENT ON TABLE access_log IS 'Who read what of the ledger, from where, and how it ended; append-only';

CREATE TRIGGER refuse_change_of_access_log
    BEFORE UPDATE OR DELETE OR TRUNCATE ON access_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE access_log ENABLE ALWAYS TRIGGER refuse_change_of_access_log;

-- The rate limit of passwords and codes: one bucket per network, shared by all processes of the portal.
-- `level` is how much was left at the time `at`.
CREATE TABLE sign_in_buckets (
    network TEXT             PRIMARY KEY,
    level   DOUBLE PRECISION NOT NULL,
    at      TIMESTAMPTZ      NOT NULL
);
CREATE INDEX sign_in_buckets_at ON sign_in_buckets (at);
COMMENT ON TABLE sign_in_buckets IS 'How often each network may still try to sign in';

-- The number of refused requests by kind of problem, counted by all processes of the portal together.
CREATE TABLE refusals (
    problem TEXT   PRIMARY KEY,
    number  BIGINT NOT NULL CHECK (number > 0)
);
COMMENT ON TABLE refusals IS 'How many requests to the API were refused, by kind of problem';
