-- Verifications that people start: records beside the ledger, not part of it. A row changes while its
-- verification is under way. Once the verification has ended, the row is a record and does not change.

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
    -- The checkpoint: the figures below cover everything up to it and nothing beyond.
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
    -- Made by the portal over the result, with a secret that is not in the database.
    seal                  TEXT,
    CHECK (state IN ('waiting', 'running', 'finished', 'cancelled', 'failed')),
    CHECK (1 <= start_sequence AND start_sequence <= end_sequence),
    CHECK (reached_sequence BETWEEN start_sequence - 1 AND end_sequence),
    CHECK (state <> 'finished' OR reached_sequence = end_sequence),
    CHECK ((ended_at IS NOT NULL) = (state IN ('finished', 'cancelled', 'failed'))),
    CHECK ((failure IS NOT NULL) = (state = 'failed')),
    CHECK (state <> 'cancelled' OR cancelled_by IS NOT NULL)
);
-- They find the last finished verification, the last sound one and the open ones without a scan.
CREATE INDEX verifications_finished ON verifications (id DESC) WHERE state = 'finished';
CREATE INDEX verifications_sound ON verifications (id DESC) WHERE state = 'finished' AND finding_count = 0;
CREATE INDEX verifications_open ON verifications (id) WHERE state IN ('waiting', 'running');
COMMENT ON TABLE verifications IS 'Verifications: who, when, which range, how far, and what was found';

-- Refuses changes to a verification that has ended, to what was requested, and steps back in progress.
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
CREATE TRIGGER guard_verifications
    BEFORE UPDATE ON verifications FOR EACH ROW EXECUTE FUNCTION guard_verification();
CREATE TRIGGER refuse_removal_of_verifications
    BEFORE DELETE OR TRUNCATE ON verifications FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE verifications ENABLE ALWAYS TRIGGER guard_verifications;
ALTER TABLE verifications ENABLE ALWAYS TRIGGER refuse_removal_of_verifications;

-- --- Ranges ------------------------------------------------------------------------------------------

-- The ranges of a large verification that several workers share. A row exists from the split until its
-- figures are in the verification's record, which takes ranges in order.
CREATE TABLE verification_ranges (
    id               BIGSERIAL PRIMARY KEY,
    -- Not a foreign key, which would refuse TRUNCATE of verifications before the trigger does.
    verification_id  BIGINT    NOT NULL,
    start_sequence   BIGINT    NOT NULL,
    end_sequence     BIGINT    NOT NULL,
    -- The findings, once the whole range is verified.
    figures          JSONB,
    seal             TEXT,
    CHECK (1 <= start_sequence AND start_sequence <= end_sequence),
    UNIQUE (verification_id, start_sequence)
);
COMMENT ON TABLE verification_ranges IS 'Ranges of verifications under way: which are done, and what was found in them';

-- Refuses to delete a range that is not yet in the record, and to change one that is verified.
CREATE FUNCTION guard_verification_range() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF NOT EXISTS (SELECT FROM public.verifications v WHERE v.id = OLD.verification_id
                       AND (v.ended_at IS NOT NULL OR v.reached_sequence >= OLD.end_sequence)) THEN
            RAISE EXCEPTION 'range % to % is not yet in the record of verification %',
                OLD.start_sequence, OLD.end_sequence, OLD.verification_id USING ERRCODE = 'AP004';
        END IF;
        RETURN OLD;
    END IF;
    IF OLD.figures IS NOT NULL
       OR (NEW.id, NEW.verification_id, NEW.start_sequence, NEW.end_sequence)
          IS DISTINCT FROM (OLD.id, OLD.verification_id, OLD.start_sequence, OLD.end_sequence) THEN
        RAISE EXCEPTION 'range % to % of verification %: what was found is not changed',
            OLD.start_sequence, OLD.end_sequence, OLD.verification_id USING ERRCODE = 'AP004';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard_verification_ranges
    BEFORE UPDATE OR DELETE ON verification_ranges FOR EACH ROW EXECUTE FUNCTION guard_verification_range();
CREATE TRIGGER refuse_truncation_of_verification_ranges
    BEFORE TRUNCATE ON verification_ranges FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE verification_ranges ENABLE ALWAYS TRIGGER guard_verification_ranges;
ALTER TABLE verification_ranges ENABLE ALWAYS TRIGGER refuse_truncation_of_verification_ranges;
