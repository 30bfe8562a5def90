"""The unmanaged models agree with the database's own catalogue, and never write."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import ProgrammingError, connections, models, transaction

from events.models import ApiToken, ReadOnlyModel, ReadOnlyModelError
from events.tests.support.ledger import Ledger

MIRRORS = [m for m in apps.get_app_config("events").get_models() if issubclass(m, ReadOnlyModel)]
UNMANAGED = [m for m in apps.get_app_config("events").get_models() if not m._meta.managed]

CATALOGUE = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull
FROM pg_attribute a
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

UNIQUE = """
SELECT a.attname
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = %s::regclass AND i.indisunique AND i.indnatts = 1 AND i.indpred IS NULL
"""

# How the catalogue names what Django asks for.
TYPES = {
    "bigserial": "bigint",
    "serial": "integer",
    "varchar": "character varying",
    "numeric(1000, 3)": "numeric",
}


def column_type(field: models.Field[Any, Any]) -> str:
    asked = str(
        field.rel_db_type(connections["owner"])
        if field.is_relation
        else field.db_type(connections["owner"])
    )
    for ours, theirs in TYPES.items():
        asked = asked.replace(ours, theirs)
    return asked


@pytest.mark.parametrize("model", UNMANAGED, ids=lambda m: m._meta.db_table)
def test_columns_are_the_tables(ledger: Ledger, model: type[models.Model]) -> None:
    declared = {
        (field.column, column_type(field), field.null) for field in model._meta.concrete_fields
    }
    assert declared == set(ledger.query(CATALOGUE, [model._meta.db_table]))


@pytest.mark.parametrize("model", UNMANAGED, ids=lambda m: m._meta.db_table)
def test_unique_columns_are_the_tables(ledger: Ledger, model: type[models.Model]) -> None:
    declared = {field.column for field in model._meta.concrete_fields if field.unique}
    assert declared == {name for (name,) in ledger.query(UNIQUE, [model._meta.db_table])}


@pytest.mark.parametrize("model", UNMANAGED, ids=lambda m: m._meta.db_table)
def test_columns_have_the_order_of_the_table(ledger: Ledger, model: type[models.Model]) -> None:
    if model is ApiToken:
        return  # its first columns are inherited
    declared = [field.column for field in model._meta.concrete_fields]
    assert declared == [name for name, _, _ in ledger.query(CATALOGUE, [model._meta.db_table])]


def test_every_table_of_the_ledger_has_its_mirror(ledger: Ledger) -> None:
    tables = {
        name
        for (name,) in ledger.query(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace"
        )
    }
    others = {
        model._meta.db_table
        for app in apps.get_app_configs()
        if app.label != "events"
        for model in app.get_models(include_auto_created=True, include_swapped=True)
    }
    assert tables - others - {"django_migrations"} == {m._meta.db_table for m in UNMANAGED}


WRITES: dict[str, Callable[[Any], Any]] = {
    "save": lambda model: model().save(),
    "delete": lambda model: model(pk=1).delete(),
    "create": lambda model: model.objects.create(),
    "get_or_create": lambda model: model.objects.get_or_create(pk=None),
    "bulk_create": lambda model: model.objects.bulk_create([model()]),
    "bulk_update": lambda model: model.objects.bulk_update([], ["pk"]),
    "update": lambda model: model.objects.update(),
    "update of a filter": lambda model: model.objects.filter(pk=None).update(),
    "delete of all": lambda model: model.objects.all().delete(),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_mirrors_refuse_to_write(ledger: Ledger, write: Callable[[Any], Any]) -> None:
    for model in MIRRORS:
        with pytest.raises(ReadOnlyModelError, match=rf"^FR7: {model._meta.db_table} is read-only"):
            write(model)


PAST_THE_MIRROR: dict[str, Callable[[Any], Any]] = {
    "the manager of Django's own": lambda model: model._base_manager.all().delete(),
    "a lock": lambda model: list(model.objects.select_for_update()),
}


@pytest.mark.parametrize("write", PAST_THE_MIRROR.values(), ids=PAST_THE_MIRROR.keys())
def test_the_database_refuses_what_slips_past_a_mirror(
    ledger: Ledger, write: Callable[[Any], Any]
) -> None:
    ledger.write(1)
    for model in MIRRORS:
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            write(model)


def test_mirrors_read(ledger: Ledger) -> None:
    appended = ledger.write(1)[0]
    events = apps.get_model("events", "LedgerEvent").objects
    assert str(events.get(sequence=appended.sequence).event_id) == appended.event_id
    for model in UNMANAGED:
        list(model._default_manager.all()[:1])


def test_the_migrations_know_every_model(ledger: Ledger) -> None:
    output = io.StringIO()
    call_command("makemigrations", check=True, dry_run=True, stdout=output)
    assert "No changes detected" in output.getvalue()
