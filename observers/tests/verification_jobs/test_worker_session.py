"""The worker's own connections are as pinned as Django's, and lead to where writes are taken."""

from __future__ import annotations

import asyncio
from typing import Any, LiteralString

import pytest
from django.db import connections
from procrastinate.exceptions import ConnectorException

from events.tests.support.ledger import Ledger
from observers.verification_jobs import worker

SETTINGS = (
    "SELECT current_setting('search_path') AS path, current_setting('DateStyle') AS dates,"
    " current_setting('synchronous_commit') AS commits,"
    " current_setting('statement_timeout') AS ends"
)


def ask(query: LiteralString) -> dict[str, Any]:
    """One row, through the worker's pool."""
    connector = worker.connector()
    connector._pool_args["timeout"] = 1

    async def asked() -> dict[str, Any]:
        await connector.open_async()
        try:
            return dict(await connector.execute_query_one_async(query))
        finally:
            await connector.close_async()

    return asyncio.run(asked())


def set_for_database(ledger: Ledger, *settings: str) -> None:
    with ledger.connect("postgres") as superuser:
        superuser.execute("SET default_transaction_read_only = off")
        for setting in settings:
            superuser.execute(f"ALTER DATABASE {ledger.name} SET {setting}".encode())
    connections.close_all()


def test_settings_of_the_database_do_not_reach_the_worker(ledger: Ledger) -> None:
    set_for_database(
        ledger,
        "search_path = nowhere",
        "DateStyle = 'SQL, DMY'",
        "synchronous_commit = off",
        "statement_timeout = '900ms'",
    )
    assert ask(SETTINGS) == {
        "path": "public, pg_temp",
        "dates": "ISO, MDY",
        "commits": "on",
        "ends": "0",
    }


def test_the_worker_uses_no_connection_that_takes_no_writes(ledger: Ledger) -> None:
    set_for_database(ledger, "default_transaction_read_only = on")
    with pytest.raises(ConnectorException):
        ask("SELECT 1 AS one")
    set_for_database(ledger, "default_transaction_read_only = off")
    assert ask("SELECT 1 AS one") == {"one": 1}
