-- Verifications that people started: bookkeeping beside the ledger, not part of it. A row moves
-- while its verification is under way; once it has ended it is a record, and nothing changes it.

CREATE TABLE verifications (
    id                    BIGSERIAL   PRIMARY KEY,
    requested_by          TEXT        NOT NULL,
    requested_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    start_sequence        BIGINT      NOT NULL,
    end_sequence          BIGINT      NOT NULL,
    state                 TEXT        NOT NULL DEFAULT 'waiting',
    runs                  INTEGER     NOT NULL DEFAULT 0,
    started_at            TIMESTAMPTZ,
    ended_at              TIMESTAMPTZ,
    cancelled_by          TEXT,
    -- The checkpoint: everything up to it is in the figures below, nothing beyond it is.
    reached_sequence      BIGINT      NOT NULL,
    checked               BIGINT      NOT NULL DEFAULT 0,
    finding_count         BIGINT      NOT NULL DEFAULT 0,
    findings              JSONB       NOT NULL DEFAULT '[]',
    findings_by_check     JSONB       NOT NULL DEFAULT '{}',
    documented_gap_count  BIGINT      NOT NULL DEFAULT 0,
    documented_gaps       JSONB       NOT NULL DEFAULT '[]',
    backward_steps        BIGINT      NOT NULL DEFAULT 0,
    last_content_hash     TEXT,
    worked_seconds        NUMERIC     NOT NULL DEFAULT 0,
    failure               TEXT,
    -- Made by the portal with a secret that is not in the database, over what others rely on.
    seal                  TEXT,
    CHECK (state IN ('waiting', 'running', 'finished', 'cancelled', 'failed')),
    CHECK (1 <= start_sequence AND start_sequence <= end_sequence),
    CHECK (reached_sequence BETWEEN start_sequence - 1 AND end_sequence),
    CHECK (state <> 'finished' OR reached_sequence = end_sequence),
    CHECK ((ended_at IS NOT NULL) = (state IN ('finished', 'cancelled', 'failed'))),
    CHECK ((failure IS NOT NULL) = (state = 'failed')),
    CHECK (state <> 'cancelled' OR cancelled_by IS NOT NULL)
);
-- The last finished one, and the last sound one, at the cost of one look each.
CREATE INDEX verifications_finished ON verifications (id DESC) WHERE state = 'finished';
CREATE INDEX verifications_sound ON verifications (id DESC) WHERE state = 'finished' AND finding_count = 0;
CREATE INDEX verifications_open ON verifications (id) WHERE state IN ('waiting', 'running');
COMMENT ON TABLE verifications IS 'Verifications: who, when, which range, how far, and what was found';

CREATE FUNCTION guard_verification() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'verification % has ended: its record is not changed', OLD.id USING ERRCODE = 'AP004';
    END IF;
    IF (NEW.id, NEW.requested_by, NEW.requested_at, NEW.start_sequence, NEW.end_sequence)
       IS DISTINCT FROM (OLD.id, OLD.requested_by, OLD.requested_at, OLD.start_sequence, OLD.end_sequence) THEN
        RAISE EXCEPTION 'verification %: who asked for what is not changed', OLD.id USING ERRCODE = 'AP004';
    END IF;
    IF NEW.reached_sequence < OLD.reached_sequence OR NEW.checked < OLD.checked
       OR NEW.finding_count < OLD.finding_count THEN
        RAISE EXCEPTION 'verification %: what was checked and found is not taken back', OLD.id USING ERRCODE = 'AP004';
    END IF;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION guard_verification FROM PUBLIC;
CREATE TRIGGER guard_verifications
    BEFORE UPDATE ON verifications FOR EACH ROW EXECUTE FUNCTION guard_verification();
CREATE TRIGGER refuse_removal_of_verifications
    BEFORE DELETE OR TRUNCATE ON verifications FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE verifications ENABLE ALWAYS TRIGGER guard_verifications;
ALTER TABLE verifications ENABLE ALWAYS TRIGGER refuse_removal_of_verifications;
