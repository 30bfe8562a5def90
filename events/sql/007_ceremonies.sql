-- Ceremonies: what two people decided about the ledger, step by step, append-only. The decision
-- itself is an event in the chain (`ceremony.…`), named here by its event_id.

CREATE TABLE ceremonies (
    id              BIGSERIAL   PRIMARY KEY,
    ceremony_id     UUID        NOT NULL,
    kind            TEXT        NOT NULL CHECK (kind ~ '^ceremony\.[a-z_]+$'),
    step            TEXT        NOT NULL CHECK (step IN ('proposed', 'approved', 'rejected', 'recorded')),
    person          TEXT        NOT NULL CHECK (person <> ''),
    content         JSONB       NOT NULL,
    event_id        UUID        REFERENCES events (event_id),
    recorded_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    CHECK ((step = 'recorded') = (event_id IS NOT NULL))
);
CREATE INDEX ceremonies_ceremony_id ON ceremonies (ceremony_id, id);
-- One voice a person a ceremony: who proposed cannot approve.
CREATE UNIQUE INDEX ceremonies_one_voice ON ceremonies (ceremony_id, person) WHERE step <> 'recorded';
COMMENT ON TABLE ceremonies IS 'Proposals, approvals and records of ceremonies (CT-13)';

CREATE TRIGGER refuse_change_of_ceremonies
    BEFORE UPDATE OR DELETE OR TRUNCATE ON ceremonies
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE ceremonies ENABLE ALWAYS TRIGGER refuse_change_of_ceremonies;
