-- The writers' own look at what the guards did, before they commit. A superuser can switch
-- check_append off; then the rows of the next append would stand beyond the head, which nothing
-- allowed by the rules can mend. Without its record an append does not happen (CT-13).
CREATE FUNCTION confirm_append() RETURNS VOID
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF (SELECT e.sequence FROM events e ORDER BY e.sequence DESC LIMIT 1)
       > coalesce((SELECT a.last_sequence FROM appends a ORDER BY a.last_sequence DESC LIMIT 1), 0) THEN
        RAISE EXCEPTION 'CT-13: the append was not recorded, so it is not made: the trigger check_append is not in force'
            USING ERRCODE = 'AP002';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION confirm_append FROM PUBLIC;
