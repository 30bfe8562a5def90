-- The ranges of a large verification that workers share. A row lies here from the split until what
-- was found in it is part of the verification's record, which takes ranges in order.

CREATE TABLE verification_ranges (
    id               BIGSERIAL PRIMARY KEY,
    verification_id  BIGINT    NOT NULL, -- no reference: TRUNCATE of verifications is its trigger's to refuse
    start_sequence   BIGINT    NOT NULL,
    end_sequence     BIGINT    NOT NULL,
    -- What was found, once the whole range was verified.
    figures          JSONB,
    seal             TEXT,
    CHECK (1 <= start_sequence AND start_sequence <= end_sequence),
    UNIQUE (verification_id, start_sequence)
);
COMMENT ON TABLE verification_ranges IS 'Ranges of verifications under way: which are done, and what was found in them';

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
REVOKE ALL ON FUNCTION guard_verification_range FROM PUBLIC;
CREATE TRIGGER guard_verification_ranges
    BEFORE UPDATE OR DELETE ON verification_ranges FOR EACH ROW EXECUTE FUNCTION guard_verification_range();
CREATE TRIGGER refuse_truncation_of_verification_ranges
    BEFORE TRUNCATE ON verification_ranges FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE verification_ranges ENABLE ALWAYS TRIGGER guard_verification_ranges;
ALTER TABLE verification_ranges ENABLE ALWAYS TRIGGER refuse_truncation_of_verification_ranges;
