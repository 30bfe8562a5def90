-- CT-11, CT-13: halt rather than degrade. The halt state is looked at under the append lock,
-- before any write.

CREATE TABLE halt_state (
    singleton   BOOLEAN     PRIMARY KEY DEFAULT true CHECK (singleton),
    halted      BOOLEAN     NOT NULL DEFAULT false,
    reason      TEXT,
    halted_at   TIMESTAMPTZ,
    CHECK (halted = (reason IS NOT NULL) AND halted = (halted_at IS NOT NULL))
);
INSERT INTO halt_state DEFAULT VALUES;
COMMENT ON TABLE halt_state IS 'One row: whether appending is stopped, and why';

-- A halt is sticky: it can be declared, never withdrawn by a plain statement.
CREATE FUNCTION refuse_unhalt() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NOT OLD.halted AND NEW.halted THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'CT-11: % on halt_state is refused: a halt is sticky', TG_OP USING ERRCODE = 'AP004';
END
$$;
CREATE TRIGGER refuse_change_of_halt_state
    BEFORE UPDATE OR DELETE ON halt_state FOR EACH ROW EXECUTE FUNCTION refuse_unhalt();
CREATE TRIGGER refuse_truncate_of_halt_state
    BEFORE TRUNCATE ON halt_state FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE halt_state ENABLE ALWAYS TRIGGER refuse_change_of_halt_state;
ALTER TABLE halt_state ENABLE ALWAYS TRIGGER refuse_truncate_of_halt_state;
