-- The public keys of the agents and of the system. Private keys are never in the database.
--
-- A key is valid for an event by the event's place in the ledger: it may sign from from_sequence up to
-- until_sequence. The two times beside them are only information. Keys are registered and retired by
-- events, and this table is what the events say (018_key_history.sql).

CREATE TABLE agent_keys (
    key_id          TEXT        PRIMARY KEY CHECK (key_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$'),
    agent_id        TEXT        CHECK (is_name(agent_id)),
    public_key      TEXT        NOT NULL UNIQUE CHECK (public_key ~ '^[A-Za-z0-9+/]{43}=$'),
    -- The version of the signatures that the key makes, and who holds its private half.
    sig_alg_version SMALLINT    NOT NULL DEFAULT 1 CHECK (sig_alg_version IN (1, 2)),
    custody         TEXT        NOT NULL DEFAULT 'server' CHECK (custody IN ('server', 'writer')),
    active_from     TIMESTAMPTZ NOT NULL DEFAULT now(),
    active_until    TIMESTAMPTZ,
    from_sequence   BIGINT      NOT NULL CHECK (from_sequence > 0),
    until_sequence  BIGINT      CHECK (until_sequence >= from_sequence - 1),
    CHECK ((active_until IS NULL) = (until_sequence IS NULL)),
    CHECK ((custody = 'writer') = (sig_alg_version = 2))
);
COMMENT ON TABLE agent_keys IS 'Ed25519 public keys of agents, never deleted; agent_id is null for the system key';
CREATE INDEX agent_keys_agent_id ON agent_keys (agent_id);
-- Each agent has one active key at a time, and so has the system (agent_id null).
CREATE UNIQUE INDEX agent_keys_one_active ON agent_keys (coalesce(agent_id, '')) WHERE until_sequence IS NULL;

-- Refuses every UPDATE of a registry of keys but one: from active to retired.
CREATE FUNCTION refuse_all_but_retirement() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF OLD.until_sequence IS NULL AND NEW.until_sequence IS NOT NULL
       AND to_jsonb(OLD) - 'active_until' - 'until_sequence' = to_jsonb(NEW) - 'active_until' - 'until_sequence' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'FR7: % on % is refused: a key is registered once and retired once', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'AP004';
END
$$;
CREATE TRIGGER refuse_change_of_agent_keys
    BEFORE UPDATE ON agent_keys FOR EACH ROW EXECUTE FUNCTION refuse_all_but_retirement();
CREATE TRIGGER refuse_removal_of_agent_keys
    BEFORE DELETE OR TRUNCATE ON agent_keys FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE agent_keys ENABLE ALWAYS TRIGGER refuse_change_of_agent_keys;
ALTER TABLE agent_keys ENABLE ALWAYS TRIGGER refuse_removal_of_agent_keys;
