-- Tokens of the HTTP API, of which only digests are stored. The first columns are those that
-- django-rest-knox expects.

CREATE TABLE api_tokens (
    digest          VARCHAR(128) PRIMARY KEY,
    token_key       VARCHAR(25)  NOT NULL,
    user_id         INTEGER      NOT NULL REFERENCES auth_user (id) DEFERRABLE INITIALLY DEFERRED,
    created         TIMESTAMPTZ  NOT NULL DEFAULT now(),
    expiry          TIMESTAMPTZ,
    -- The agent that the token writes for; a token without an agent may only read.
    agent_id        TEXT         CHECK (is_name(agent_id)),
    reads           TEXT         NOT NULL CHECK (reads IN ('all', 'own', 'nothing')),
    last_used_at    TIMESTAMPTZ,
    -- How the records of a log shipper become events, as far as the shipper itself does not say so. The
    -- fields are dotted paths into a record, as in `manage.py ingest`.
    event_type      TEXT         CHECK (is_text(event_type, 200)),
    type_field      TEXT,
    id_field        TEXT,
    local_time      TEXT,
    local_time_unit TEXT,
    local_zone      TEXT,
    agent_field     TEXT,
    -- The token may also write for agents whose names begin with this prefix. It ends with a slash, so that
    -- dc1/ does not cover dc10.
    agents_under    TEXT         CHECK (agents_under LIKE '%_/' AND is_name(agents_under || 'a')),
    CONSTRAINT api_tokens_own_needs_an_agent CHECK (agent_id IS NOT NULL OR reads = 'all'),
    CONSTRAINT api_tokens_prefix_needs_an_agent CHECK (agent_id IS NOT NULL OR agents_under IS NULL)
);
CREATE INDEX api_tokens_token_key ON api_tokens (token_key);
CREATE INDEX api_tokens_user_id ON api_tokens (user_id);
COMMENT ON TABLE api_tokens IS 'Digests of API tokens, each bound to one agent or to reading';
