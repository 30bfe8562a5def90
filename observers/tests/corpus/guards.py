"""Cases: guards of the database disabled or altered. No event is changed."""

from __future__ import annotations

from dataclasses import replace

from observers.tests.corpus.case import (
    GUARD,
    MISSING,
    VERIFY,
    WATCHED,
    Case,
    as_superuser,
    statement,
)

QUIET = "no event is wrong"
KEPT = "it reads through a view of the table itself, which has every event"
EVENTS_GUARD = "events.refuse_change_of_events"


def weakened(
    name: str,
    who: str,
    watched: tuple[str, ...],
    *statements: str,
    recorded: bool = True,
    undo: tuple[str, ...] = (),
    among_others: bool = False,
) -> Case:
    return Case(
        name,
        who,
        as_superuser(*statements),
        (),
        watched,
        among_others=among_others,
        recorded=recorded,
        banner=(GUARD,),
        because={VERIFY: QUIET},
        leaves_traces=True,
        undo=undo,
    )


def put_back(name: str, who: str, watched: tuple[str, ...], *statements: str) -> Case:
    """The change has been undone by the time the watch looks."""
    return Case(
        name,
        who,
        as_superuser(*statements),
        (),
        watched,
        banner=(WATCHED,),
        because={VERIFY: QUIET},
        leaves_traces=True,
    )


def here(statement: str) -> str:
    """A statement with the ledger's database in the place of %I."""
    return f"DO $do$ BEGIN EXECUTE format($of${statement}$of$, current_database()); END $do$"


MALLORY = ("DROP OWNED BY mallory", "DROP ROLE mallory")

CASES = [
    weakened(
        "trigger switched off",
        "The owner or a superuser switches a trigger off.",
        (f"guards state of trigger {EVENTS_GUARD}",),
        "ALTER TABLE events DISABLE TRIGGER refuse_change_of_events",
    ),
    Case(
        "triggers switched off and on again",
        "A superuser switches the triggers off, changes a setting, and switches them on.",
        statement("UPDATE ledger_config SET proposal_days = 7"),
        (),
        (f"guards history of trigger {EVENTS_GUARD}",),
        among_others=True,
        leaves_traces=True,
        banner=(WATCHED,),
        because={VERIFY: QUIET},
    ),
    weakened(
        "trigger dropped",
        "The owner or a superuser drops a trigger.",
        (f"guards state of trigger {EVENTS_GUARD}", f"guards trigger {EVENTS_GUARD}"),
        "DROP TRIGGER refuse_change_of_events ON events",
    ),
    weakened(
        "trigger obeying session_replication_role",
        "A superuser makes a trigger one that a session in replication mode passes over.",
        (f"guards state of trigger {EVENTS_GUARD}",),
        "ALTER TABLE events ENABLE TRIGGER refuse_change_of_events",
    ),
    weakened(
        "every session in replication mode",
        "A superuser sets session_replication_role for the whole database.",
        ("guards setting session_replication_role of the database",),
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET session_replication_role = replica',"
        " current_database()); END $$",
    ),
    weakened(
        "function of a guard emptied",
        "The owner or a superuser puts a body that refuses nothing into a guard's function.",
        ("guards function refuse_change()",),
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql"
        " SET search_path = pg_catalog AS $$ BEGIN RETURN NULL; END $$",
    ),
    weakened(
        "constraint dropped",
        "The owner or a superuser lets a number be given twice.",
        (
            "guards constraint events.events_sequence_key",
            "guards index events_sequence_key",
            "guards state of constraint events.events_sequence_key",
            "guards state of index events_sequence_key",
        ),
        "ALTER TABLE events DROP CONSTRAINT events_sequence_key",
    ),
    weakened(
        "sequence altered",
        "The owner or a superuser has the numbers go by twos.",
        ("guards sequence events_sequence_seq",),
        "ALTER SEQUENCE events_sequence_seq INCREMENT 2",
        recorded=False,
    ),
    weakened(
        "a rule that swallows",
        "The owner or a superuser adds a rule that turns a statement into nothing.",
        ("guards rule events.hide",),
        "CREATE RULE hide AS ON UPDATE TO events DO INSTEAD NOTHING",
    ),
    weakened(
        "a right too many",
        "The owner or a superuser lets the application change events.",
        ("guards rights on relation events to application",),
        "GRANT UPDATE ON events TO portal_app",
    ),
    Case(
        "rows hidden by a policy",
        "The owner or a superuser hides some events from the application by row security.",
        as_superuser(
            "ALTER TABLE events ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY hide ON events FOR SELECT USING (sequence NOT BETWEEN 5 AND 7)",
            "CREATE POLICY take ON events FOR INSERT WITH CHECK (true)",
            "ALTER VIEW canonical_events OWNER TO portal_app",
        ),
        ((5, "gap"),),
        ("gap 5-7", "guards policy events.hide", "guards relation events"),
        among_others=True,
        banner=(MISSING, GUARD),
        event=(5, ("missing",)),
        leaves_traces=True,
    ),
    Case(
        "a view in the place of the table",
        "A superuser renames the table of events and puts a view that leaves some out there.",
        as_superuser(
            "ALTER TABLE events RENAME TO events_kept",
            "CREATE VIEW events AS SELECT * FROM events_kept WHERE sequence NOT BETWEEN 5 AND 7",
            "GRANT SELECT, INSERT ON events TO portal_app",
        ),
        (),
        ("gap 5-7", "guards relation events"),
        among_others=True,
        recorded=False,
        banner=(MISSING, GUARD),
        because={VERIFY: KEPT},
        leaves_traces=True,
    ),
    Case(
        "a table of the same name in another schema",
        "A superuser makes a schema named as the application's role, whose views shadow the"
        " ledger's tables and leave some events out.",
        as_superuser(
            "CREATE SCHEMA portal_app",
            "CREATE VIEW portal_app.events AS SELECT * FROM public.events"
            " WHERE sequence NOT BETWEEN 5 AND 7",
            "GRANT USAGE ON SCHEMA portal_app TO portal_app",
            "GRANT SELECT, INSERT ON portal_app.events TO portal_app",
        ),
        (),
        ("guards shadow portal_app.events",),
        banner=(GUARD,),
        because={VERIFY: "it names the ledger's own schema"},
        leaves_traces=True,
    ),
    weakened(
        "a function of the same name in another schema",
        "A superuser makes a schema named as the application's role, with a function that stands"
        " before the ledger's.",
        ("guards shadow portal_app.canonical_time",),
        "CREATE SCHEMA portal_app",
        "CREATE FUNCTION portal_app.canonical_time(moment TIMESTAMPTZ) RETURNS TEXT LANGUAGE sql"
        " AS $$ SELECT 'never' $$",
    ),
    weakened(
        "a view in front of the catalogue",
        "A superuser has the application read a view in the place of pg_trigger, by its search"
        " path, and switches a trigger off.",
        (
            "guards shadow information_schema.pg_trigger",
            "guards setting search_path of application, in the database",
            f"guards state of trigger {EVENTS_GUARD}",
        ),
        "CREATE VIEW information_schema.pg_trigger AS SELECT oid, tgrelid, tgparentid, tgname,"
        " tgfoid, tgtype, 'A'::\"char\" AS tgenabled, tgisinternal, tgconstrrelid, tgconstrindid,"
        " tgconstraint, tgdeferrable, tginitdeferred, tgnargs, tgattr, tgargs, tgqual, tgoldtable,"
        " tgnewtable FROM pg_catalog.pg_trigger",
        "GRANT SELECT ON information_schema.pg_trigger TO PUBLIC",
        here(
            "ALTER ROLE portal_app IN DATABASE %I"
            " SET search_path = information_schema, pg_catalog, public"
        ),
        "ALTER TABLE events DISABLE TRIGGER refuse_change_of_events",
    ),
    weakened(
        "a view among PostgreSQL's own",
        "A superuser puts a view of a table's name into pg_catalog, which is searched before every"
        " other schema.",
        ("guards shadow pg_catalog.access_log",),
        "SET allow_system_table_mods = on",
        "CREATE VIEW pg_catalog.access_log AS SELECT * FROM public.access_log WHERE false",
        "GRANT SELECT ON pg_catalog.access_log TO PUBLIC",
    ),
    weakened(
        "another table in the catalogue's place",
        "A superuser renames pg_trigger and puts a view there that says all is on.",
        (
            "guards catalogue pg_trigger",
            "guards shadow pg_catalog.pg_trigger",
        ),
        "ALTER TABLE events DISABLE TRIGGER refuse_change_of_events",
        "SET allow_system_table_mods = on",
        "ALTER TABLE pg_trigger RENAME TO pg_trigger_kept",
        "CREATE VIEW pg_catalog.pg_trigger AS SELECT oid, xmin, tgrelid, tgparentid, tgname,"
        " tgfoid, tgtype, CASE WHEN tgisinternal THEN tgenabled ELSE 'A' END AS tgenabled,"
        " tgisinternal, tgconstrrelid, tgconstrindid,"
        " tgconstraint, tgdeferrable, tginitdeferred, tgnargs, tgattr, tgargs, tgqual, tgoldtable,"
        " tgnewtable FROM pg_catalog.pg_trigger_kept",
        "GRANT SELECT ON pg_catalog.pg_trigger TO PUBLIC",
        among_others=True,
    ),
    weakened(
        "an operator and an aggregate in front",
        "A superuser has the application count and compare by functions of his own, by its search"
        " path.",
        (
            "guards setting search_path of application, in the database",
            "guards shadow evil.=(jsonb, jsonb)",
            "guards shadow evil.count",
        ),
        "CREATE SCHEMA evil",
        "CREATE FUNCTION evil.yes(jsonb, jsonb) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "CREATE OPERATOR evil.= (LEFTARG = jsonb, RIGHTARG = jsonb, FUNCTION = evil.yes)",
        "CREATE AGGREGATE evil.count(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '0')",
        here("ALTER ROLE portal_app IN DATABASE %I SET search_path = evil, pg_catalog, public"),
    ),
    weakened(
        "a function of PostgreSQL replaced",
        "A superuser replaces what writes a trigger's definition out.",
        ("guards catalogue functions of PostgreSQL",),
        "DO $do$ BEGIN EXECUTE 'CREATE OR REPLACE FUNCTION pg_catalog.pg_get_triggerdef(oid)"
        " RETURNS text LANGUAGE sql STABLE STRICT AS ' || quote_literal('SELECT CASE $1 '"
        " || (SELECT string_agg(format('WHEN %s THEN %L', oid, pg_get_triggerdef(oid)), ' ')"
        " FROM pg_trigger) || ' END'); END $do$",
    ),
    weakened(
        "an aggregate of PostgreSQL altered",
        "A superuser has the question whether all are true answer whether any is, and leaves the"
        " function's own row as it was.",
        ("guards catalogue aggregates of PostgreSQL",),
        "UPDATE pg_aggregate SET aggtransfn = 'boolor_statefunc'::regproc"
        " WHERE aggfnoid = 'pg_catalog.bool_and(boolean)'::regprocedure",
    ),
    weakened(
        "a cast of PostgreSQL altered",
        "A superuser has PostgreSQL convert without being asked what it converts only when asked.",
        ("guards catalogue casts of PostgreSQL",),
        "UPDATE pg_cast SET castcontext = 'a' WHERE castsource = 'boolean'::regtype"
        " AND casttarget = 'integer'::regtype",
    ),
    weakened(
        "a comparison of PostgreSQL altered",
        "A superuser has indexes compare texts by another function.",
        ("guards catalogue comparisons of PostgreSQL",),
        "UPDATE pg_amproc SET amproc = 'bttext_pattern_cmp'::regproc WHERE amproclefttype ="
        " 'text'::regtype AND amproc = 'bttextcmp'::regproc",
    ),
    weakened(
        "a setting put on a function of PostgreSQL",
        "A superuser has times be written for another zone, whatever a session says.",
        ("guards catalogue functions of PostgreSQL",),
        "ALTER FUNCTION pg_catalog.to_char(timestamptz, text) SET timezone = 'Asia/Tokyo'",
    ),
    weakened(
        "a function with a number of PostgreSQL's own",
        "A superuser adds a function to pg_catalog, and gives it a number in the range reserved"
        " for PostgreSQL's own.",
        ("guards catalogue functions of PostgreSQL",),
        "SET allow_system_table_mods = on",
        "CREATE FUNCTION pg_catalog.halt_ledger(reason TEXT) RETURNS TEXT LANGUAGE"
        " sql AS $$ SELECT 'never' $$",
        "UPDATE pg_proc SET oid = 15999 WHERE proname = 'halt_ledger' AND pronamespace ="
        " 'pg_catalog'::regnamespace",
    ),
    weakened(
        "what an extension is said to have brought",
        "A superuser puts an aggregate in front, and adds it to the extension that every"
        " database has.",
        ("guards shadow evil.sum",),
        "CREATE SCHEMA evil",
        "CREATE AGGREGATE evil.sum(bigint) (SFUNC = int8larger, STYPE = bigint)",
        "ALTER EXTENSION plpgsql ADD AGGREGATE evil.sum(bigint)",
    ),
    weakened(
        "arguments of a function exchanged",
        "A superuser has a function take its first argument for its second, and leaves its"
        " body as it was.",
        ("guards function halt_ledger(text, text, uuid, text)",),
        "UPDATE pg_proc SET proargnames = ARRAY[proargnames[2], proargnames[1]] ||"
        " proargnames[3:] WHERE proname = 'halt_ledger'",
    ),
    weakened(
        "a function that does anything",
        "A superuser leaves the application a function, in a schema of its own, that runs"
        " whatever it is given as a superuser.",
        ("guards function of its owner's rights tools.run(text)",),
        "CREATE SCHEMA tools",
        "GRANT USAGE ON SCHEMA tools TO portal_app",
        "CREATE FUNCTION tools.run(what TEXT) RETURNS VOID LANGUAGE plpgsql SECURITY DEFINER"
        " AS $$ BEGIN EXECUTE what; END $$",
    ),
    weakened(
        "rights on PostgreSQL itself",
        "A superuser lets the application read files of the server, write the catalogue, and"
        " choose replication mode.",
        (
            "guards rights on PostgreSQL pg_read_file(text) to application",
            "guards rights on PostgreSQL pg_trigger to application",
            "guards rights on setting session_replication_role to application",
        ),
        "GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO portal_app",
        "GRANT UPDATE ON pg_catalog.pg_trigger TO portal_app",
        "GRANT SET ON PARAMETER session_replication_role TO portal_app",
        undo=("REVOKE SET ON PARAMETER session_replication_role FROM portal_app",),
    ),
    weakened(
        "a schema of the application's own",
        "A superuser makes a schema in which the application may create anything.",
        ("guards rights on schema own to application",),
        "CREATE SCHEMA own AUTHORIZATION portal_app",
    ),
    weakened(
        "a trigger beside the ledger",
        "A superuser has a trigger run whenever an account is written.",
        ("guards beside the ledger auth_user.also",),
        "CREATE TRIGGER also BEFORE UPDATE ON auth_user FOR EACH ROW EXECUTE FUNCTION"
        " suppress_redundant_updates_trigger()",
    ),
    weakened(
        "triggers that do not fire",
        "A superuser has a table's row of the catalogue say that it has no triggers.",
        ("guards flag of relation access_log",),
        "UPDATE pg_class SET relhastriggers = false WHERE relname = 'access_log'",
    ),
    put_back(
        "triggers that did not fire for a while",
        "A superuser has a table's row of the catalogue say that it has no triggers, deletes from"
        " it, and puts the row back.",
        ("guards history of table access_log",),
        "UPDATE pg_class SET relhastriggers = false WHERE relname = 'access_log'",
        "DELETE FROM access_log",
        "UPDATE pg_class SET relhastriggers = true WHERE relname = 'access_log'",
    ),
    put_back(
        "a guard's function emptied and put back",
        "A superuser replaces the function of a guard and puts it back between two looks.",
        ("guards history of function refuse_change()",),
        "DO $$ DECLARE kept TEXT := pg_get_functiondef('refuse_change()'::regprocedure); BEGIN"
        " EXECUTE 'CREATE OR REPLACE FUNCTION public.refuse_change() RETURNS trigger LANGUAGE"
        " plpgsql SET search_path = pg_catalog AS ''BEGIN RETURN NULL; END''';"
        " EXECUTE kept; END $$",
    ),
    put_back(
        "an index not kept up for a while",
        "A superuser has an index taken for one that is being built, and puts it back.",
        ("guards history of index events_sequence_key",),
        "UPDATE pg_index SET indisready = false, indisvalid = false"
        " WHERE indexrelid = 'events_sequence_key'::regclass",
        "UPDATE pg_index SET indisready = true, indisvalid = true"
        " WHERE indexrelid = 'events_sequence_key'::regclass",
    ),
    weakened(
        "checks that are not made",
        "A superuser has a table's row of the catalogue say that it has no checks.",
        ("guards flag of relation appends",),
        "UPDATE pg_class SET relchecks = 0 WHERE relname = 'appends'",
    ),
    weakened(
        "a unique index that is checked late",
        "A superuser has an index let a number be given twice within a statement.",
        ("guards state of index events_sequence_key",),
        "UPDATE pg_index SET indimmediate = false"
        " WHERE indexrelid = 'events_sequence_key'::regclass",
    ),
    weakened(
        "a rule under a view's name",
        "A superuser adds a rule that swallows warnings of clock drift, and calls it as the rule of"
        " a view is called.",
        ("guards rule clock_drift_warnings._RETURN",),
        "CREATE RULE swallow AS ON INSERT TO clock_drift_warnings DO INSTEAD NOTHING",
        "UPDATE pg_rewrite SET rulename = '_RETURN' WHERE rulename = 'swallow'",
    ),
    weakened(
        "a trigger called internal",
        "A superuser adds a trigger, and marks it as one that PostgreSQL made itself.",
        ("guards state of trigger access_log.hidden", "guards trigger access_log.hidden"),
        "CREATE TRIGGER hidden BEFORE UPDATE ON access_log FOR EACH ROW"
        " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "UPDATE pg_trigger SET tgisinternal = true WHERE tgname = 'hidden'",
    ),
    weakened(
        "somebody made a member of the application",
        "A superuser lets another role become the application's.",
        ("guards membership mallory in application",),
        "CREATE ROLE mallory LOGIN",
        "GRANT portal_app TO mallory",
        undo=MALLORY,
    ),
    weakened(
        "a role called as one that is looked for",
        "A superuser makes another superuser, and calls it what the portal's own roles are"
        " called in the look.",
        ("guards role owner",),
        "CREATE ROLE owner SUPERUSER",
        undo=("DROP ROLE owner",),
    ),
    weakened(
        "a superuser with a number of PostgreSQL's own",
        "A superuser makes another one, and gives it a number such as the predefined roles have.",
        ("guards powerful role mallory",),
        "SET allow_system_table_mods = on",
        "CREATE ROLE mallory SUPERUSER",
        "UPDATE pg_authid SET oid = 9999 WHERE rolname = 'mallory'",
        undo=("DELETE FROM pg_authid WHERE rolname = 'mallory'",),
    ),
    weakened(
        "a predefined role made a member",
        "A superuser lets one of PostgreSQL's own roles become the owner's.",
        ("guards membership pg_monitor in owner",),
        "GRANT portal_owner TO pg_monitor",
        undo=("REVOKE portal_owner FROM pg_monitor",),
    ),
    weakened(
        "somebody made to write everything",
        "A superuser gives another role the predefined ones that write everything and run"
        " programs.",
        (
            "guards membership mallory in pg_execute_server_program",
            "guards membership mallory in pg_write_all_data",
        ),
        "CREATE ROLE mallory LOGIN",
        "GRANT pg_write_all_data, pg_execute_server_program TO mallory",
        undo=MALLORY,
    ),
    weakened(
        "rights on what is made later",
        "The owner has everything that it makes from now on be the application's, and gives"
        " everybody temporary tables.",
        (
            "guards default rights owner gives on new tables to application",
            "guards rights on database it to everybody",
        ),
        "ALTER DEFAULT PRIVILEGES FOR ROLE portal_owner GRANT ALL ON TABLES TO portal_app",
        here("GRANT TEMPORARY ON DATABASE %I TO PUBLIC"),
    ),
    weakened(
        "a publication of every table",
        "A superuser publishes every row to any subscriber.",
        ("guards publication outwards",),
        "CREATE PUBLICATION outwards FOR ALL TABLES",
    ),
    weakened(
        "commits that do not wait for the disk",
        "A superuser sets synchronous_commit off for the application.",
        ("guards setting synchronous_commit of application, in the database",),
        here("ALTER ROLE portal_app IN DATABASE %I SET synchronous_commit = off"),
    ),
    replace(
        weakened(
            "a catalogue that cannot be read",
            "A superuser takes the right to read a catalogue away.",
            ("guards reading guard_surroundings",),
            "REVOKE SELECT ON pg_catalog.pg_publication FROM PUBLIC",
        ),
        among_others=True,
    ),
]
