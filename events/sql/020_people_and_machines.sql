-- Who reads is bounded and accounted for: what a token may read, when it was last used, and the
-- log of who looked at what.

-- Tokens that are there already keep what they had; `issue_token` says it of every new one.
ALTER TABLE api_tokens
    ADD COLUMN reads TEXT NOT NULL DEFAULT 'all' CHECK (reads IN ('all', 'own', 'nothing')),
    ADD COLUMN last_used_at TIMESTAMPTZ,
    ADD CONSTRAINT api_tokens_own_needs_an_agent CHECK (agent_id IS NOT NULL OR reads = 'all');
ALTER TABLE api_tokens ALTER COLUMN reads DROP DEFAULT;

-- What a log shipper does not say itself: how its records become events, and whose they are.
-- Fields are dotted paths into a record, as `ingest` takes them.
ALTER TABLE api_tokens
    ADD COLUMN event_type      TEXT CHECK (is_text(event_type, 200)),
    ADD COLUMN type_field      TEXT,
    ADD COLUMN id_field        TEXT,
    ADD COLUMN local_time      TEXT,
    ADD COLUMN local_time_unit TEXT,
    ADD COLUMN local_zone      TEXT,
    ADD COLUMN agent_field     TEXT,
    -- Agents whose names begin so may be written for too. The slash keeps dc1 from reaching dc10.
    ADD COLUMN agents_under    TEXT CHECK (agents_under LIKE '%_/' AND is_name(agents_under || 'a')),
    ADD CONSTRAINT api_tokens_prefix_needs_an_agent CHECK (agent_id IS NOT NULL OR agents_under IS NULL);

CREATE TABLE access_log (
    id       BIGSERIAL   PRIMARY KEY,
    at       TIMESTAMPTZ NOT NULL,
    kind     TEXT        NOT NULL CHECK (kind IN ('account', 'token', 'public')),
    -- The account's name, or the beginning of the token as `manage.py tokens` lists it: accounts
    -- and tokens can be removed, and what they did stays.
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

-- How often an address may try passwords and codes: one bucket a network, for all processes of the
-- portal. `level` is what was left of it at `at`.
CREATE TABLE sign_in_buckets (
    network TEXT             PRIMARY KEY,
    level   DOUBLE PRECISION NOT NULL,
    at      TIMESTAMPTZ      NOT NULL
);
CREATE INDEX sign_in_buckets_at ON sign_in_buckets (at);
COMMENT ON TABLE sign_in_buckets IS 'How often a network may try to sign in yet';

-- How many requests were refused, by kind of problem, for all processes of the portal together.
CREATE TABLE refusals (
    problem TEXT   PRIMARY KEY,
    number  BIGINT NOT NULL CHECK (number > 0)
);
COMMENT ON TABLE refusals IS 'How many requests to the API were refused, by kind of problem';
