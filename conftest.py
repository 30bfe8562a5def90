"""Fixtures for all tests: one PostgreSQL per run, one fresh migrated ledger per test.

The ledger refuses TRUNCATE, so nothing is flushed: a migrated template database is cloned, and
dropped afterwards. fsync is off; durability tests start their own server.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from pytest_django import DjangoDbBlocker, Settings

from auditportal.embedded import EmbeddedPostgres
from events.accounts.roles import ensure_groups
from events.tests.support.ledger import (
    Ledger,
    administering,
    clone,
    cloned,
    point_at,
    put_keys_into,
)

TEMPLATE = "ledger_template"
WITH_KEYS = "ledger_template_with_keys"
ROOM = 8 * 2**30
"""Free bytes of memory required to keep the files of a test run there."""


def _memory() -> str | None:
    """A folder in memory, if it has room. A write is synced there at once, which on a disk takes
    milliseconds; and each test creates and drops a database of some 400 files, with each of which
    ext4 gets slower at allocating inodes."""
    shared = Path("/dev/shm")  # noqa: S108 - a folder of random name is made in it
    if "TMPDIR" in os.environ or not os.access(shared, os.W_OK):
        return None
    return str(shared) if shutil.disk_usage(shared).free >= ROOM else None


tempfile.tempdir = _memory()

# Background jobs of a shell ignore SIGINT, and the programs that tests interrupt would inherit
# that.
signal.signal(signal.SIGINT, signal.default_int_handler)


LONG = ("auditportal/", "observers/tests/browser/")
"""Folders of tests that start portals and browsers; they run first."""

# fmt: off
SLOW_SUBJECTS = frozenset({
    "access_log", "admin_read_only", "api_bad_bodies", "api_export", "api_fuzzed", "api_range",
    "api_verification", "append_only", "canonical_json", "canonical_quick_path",
    "ceremony_erases_payload", "certain", "concurrent_append", "continuity_memory",
    "crash_of_postgres", "crash_of_writer", "failover", "groups", "guards_are_checked",
    "ingest_resumes", "ledger_follows_its_model", "ledger_lock", "parts_combine",
    "reading_from_a_replica", "rollback_is_found", "search", "server_that_takes_no_writes",
    "sign_in", "signable_content_in_sql", "skips", "tamper_corpus", "trigger_refusals",
    "verifications_sealed", "verifications_worker", "verify_chain_sql",
    "verify_ledger_interrupted", "watch_finds_and_records", "watch_rounds",
})
# fmt: on
"""Other slow test files, without `test_` and `.py`. Those of pages (`test_page_*`) are slow too.
`make test-quick` leaves out all of them."""


def _is_slow(item: pytest.Item) -> bool:
    subject = item.path.stem.removeprefix("test_")
    return item.nodeid.startswith(LONG) or subject in SLOW_SUBJECTS or subject.startswith("page_")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark slow tests, and run the longest first, so that no process ends with one of them."""
    for item in items:
        if _is_slow(item):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.fixture(scope="session", autouse=True)
def nothing_collected(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Ignores the static files that `make run` collected in this folder: pages would refer to their
    hashed names, and the server of the browser tests serves the plain ones."""
    settings.STATIC_ROOT = tmp_path_factory.mktemp("home") / "static"


@pytest.fixture(scope="session", autouse=True)
def passwords_hashed_quickly() -> None:
    """Takes the third of a second off each password that a test sets or checks."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The PostgreSQL of this test run."""
    home = Path(tempfile.mkdtemp(prefix="auditportal-test-"))
    home.chmod(0o755)  # the database runs as another user when the tests run as root
    server = EmbeddedPostgres(home, fsync=False)
    server.start()
    yield server
    server.remove()
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres, django_db_blocker: DjangoDbBlocker) -> str:
    """The name of a migrated database to clone."""
    with administering(postgres) as admin:
        admin.execute(f"CREATE DATABASE {TEMPLATE} OWNER portal_owner")
    with django_db_blocker.unblock():
        point_at(postgres, TEMPLATE)
        call_command("migrate", database="owner", verbosity=0)
        call_command("apply_grants", verbosity=0)
        ensure_groups()
        connections.close_all()
    return TEMPLATE


@pytest.fixture(scope="session")
def keys(
    postgres: EmbeddedPostgres,
    template: str,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The folder of the private keys that the ledger `WITH_KEYS` knows."""
    folder = tmp_path_factory.mktemp("seeded") / "keys"
    with administering(postgres) as admin, django_db_blocker.unblock():
        clone(admin, template, WITH_KEYS)
        point_at(postgres, WITH_KEYS)
        put_keys_into(folder)
        connections.close_all()
    return folder


@pytest.fixture
def private_folders(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives a test folders of its own for keys and for remembered heads."""
    monkeypatch.setattr("events.store.guards.DURABLE", ())  # fsync is off here, and that is known
    settings.PORTAL_KEY_DIR = tmp_path / "keys"
    settings.PORTAL_HEADS_DIR = tmp_path / "heads"


@pytest.fixture
def unopened(
    postgres: EmbeddedPostgres,
    template: str,
    django_db_blocker: DjangoDbBlocker,
    private_folders: None,
) -> Iterator[Ledger]:
    """A migrated ledger without keys and without any event."""
    with django_db_blocker.unblock(), cloned(postgres, template) as empty:
        yield empty


@pytest.fixture
def ledger(
    postgres: EmbeddedPostgres,
    keys: Path,
    django_db_blocker: DjangoDbBlocker,
    private_folders: None,
    settings: Settings,
) -> Iterator[Ledger]:
    """An opened ledger with a system key, the agents `agent-7` and `agent-8`, and one witness."""
    shutil.copytree(keys, settings.PORTAL_KEY_DIR)
    with django_db_blocker.unblock(), cloned(postgres, WITH_KEYS) as fresh:
        yield fresh
