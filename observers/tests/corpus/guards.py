"""What keeps the database from being changed, taken away. It must never change an event: whatever
could be done then is another subject."""

from __future__ import annotations

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
    name: str, who: str, watched: tuple[str, ...], *statements: str, recorded: bool = True
) -> Case:
    return Case(
        name,
        who,
        as_superuser(*statements),
        (),
        watched,
        recorded=recorded,
        banner=(GUARD,),
        because={VERIFY: QUIET},
        leaves_traces=True,
    )


CASES = [
    weakened(
        "trigger switched off",
        "The owner or a superuser switches a trigger off.",
        (f"guards state of trigger {EVENTS_GUARD}",),
        "ALTER TABLE events DISABLE TRIGGER refuse_change_of_events",
    ),
    Case(
        "triggers switched off and on again",
        "A superuser switches the triggers off, changes the threshold, and switches them on.",
        statement("UPDATE ledger_config SET drift_threshold_seconds = 7"),
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
        "A superuser makes a schema named as the application's role, whose views stand before the"
        " ledger's tables and leave some events out.",
        as_superuser(
            "CREATE SCHEMA portal_app",
            "CREATE VIEW portal_app.events AS SELECT * FROM public.events"
            " WHERE sequence NOT BETWEEN 5 AND 7",
            "GRANT USAGE ON SCHEMA portal_app TO portal_app",
            "GRANT SELECT, INSERT ON portal_app.events TO portal_app",
        ),
        (),
        ("gap 5-7", "guards shadow portal_app.events"),
        among_others=True,
        banner=(MISSING, GUARD),
        because={VERIFY: KEPT},
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
]
