-- CT-12: an event and its witness's signature are written in one transaction, or not at all.
-- A witness is its key: a new key is a new witness. It is valid by place, as the agents' keys are.

CREATE TABLE witnesses (
    witness_id      TEXT        PRIMARY KEY
        CHECK (char_length(witness_id) <= 200 AND witness_id ~ '^WITNESS:[A-Za-z0-9][A-Za-z0-9._-]*$'),
    public_key      TEXT        NOT NULL UNIQUE CHECK (public_key ~ '^[A-Za-z0-9+/]{43}=$'),
    active_from     TIMESTAMPTZ NOT NULL DEFAULT now(),
    active_until    TIMESTAMPTZ,
    from_sequence   BIGINT      NOT NULL CHECK (from_sequence > 0),
    until_sequence  BIGINT      CHECK (until_sequence >= from_sequence - 1),
    CHECK ((active_until IS NULL) = (until_sequence IS NULL))
);
COMMENT ON TABLE witnesses IS 'Ed25519 public keys of witnesses, never deleted';

CREATE TRIGGER refuse_change_of_witnesses
    BEFORE UPDATE ON witnesses FOR EACH ROW EXECUTE FUNCTION refuse_all_but_retirement();
CREATE TRIGGER refuse_removal_of_witnesses
    BEFORE DELETE OR TRUNCATE ON witnesses FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE witnesses ENABLE ALWAYS TRIGGER refuse_change_of_witnesses;
ALTER TABLE witnesses ENABLE ALWAYS TRIGGER refuse_removal_of_witnesses;
