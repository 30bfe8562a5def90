-- Who reads is bounded and accounted for: what a token may read, when it was last used, and the
-- log of who looked at what.

-- Tokens that are there already keep what they had; `issue_token` says it of every new one.
ALTER TABLE api_tokens
    ADD COLUMN reads TEXT NOT NULL DEFAULT 'all' CHECK (reads IN ('all', 'own', 'nothing')),
    ADD COLUMN last_used_at TIMESTAMPTZ,
    ADD CONSTRAINT api_tokens_own_needs_an_agent CHECK (agent_id IS NOT NULL OR reads = 'all');
ALTER TABLE api_tokens ALTER COLUMN reads DROP DEFAULT;

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
