-- Tokens of the HTTP API. Only a digest is kept; agent_id binds a token to one agent, and a token
-- without agent may only read. The first columns are those that django-rest-knox expects.

CREATE TABLE api_tokens (
    digest      VARCHAR(128) PRIMARY KEY,
    token_key   VARCHAR(25)  NOT NULL,
    user_id     INTEGER      NOT NULL REFERENCES auth_user (id) DEFERRABLE INITIALLY DEFERRED,
    created     TIMESTAMPTZ  NOT NULL DEFAULT now(),
    expiry      TIMESTAMPTZ,
    agent_id    TEXT         CHECK (is_name(agent_id))
);
CREATE INDEX api_tokens_token_key ON api_tokens (token_key);
CREATE INDEX api_tokens_user_id ON api_tokens (user_id);
COMMENT ON TABLE api_tokens IS 'Digests of API tokens, each bound to one agent or to reading';
