"""`verify_ledger --record`, killed outright and told to stop: what is left, and who goes on."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from events.models import Verification
from events.tests.support.ledger import Ledger
from observers.tests.support.commands import run

# The command with two workers, which says who they are before it keeps its second part, and waits.
HOLDING = """
import multiprocessing, sys, django
if __name__ == "__main__":
    django.setup()
    from django.core.management import call_command
    from observers.verification import ledger
    from observers.verification_jobs import records
    ledger.scan_ranges.__kwdefaults__["size"] = 2
    original = records.save_slice
    def hold(kept, reached, report):
        if reached > 2:
            print(*(child.pid for child in multiprocessing.active_children()), flush=True)
            sys.stdin.read()
        return original(kept, reached, report)
    records.save_slice = hold
    call_command("verify_ledger", "--record", "--workers", "2")
"""


@pytest.fixture
def holding(ledger: Ledger, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The command, begun on a ledger of 7 events."""
    ledger.write(4)
    script = tmp_path / "holding.py"
    script.write_text(HOLDING)
    place = ledger.server.dsn("portal_app", ledger.name)
    url = f"postgresql://{place['user']}@/{place['dbname']}?host={place['host']}&port=5432"
    environment = os.environ | {
        "DATABASE_URL": url,
        "DJANGO_SECRET_KEY": str(settings.SECRET_KEY),  # it seals what it keeps
        "DJANGO_SETTINGS_MODULE": "auditportal.settings",
        "PYTHONPATH": str(settings.BASE_DIR),
    }
    pipe = subprocess.PIPE
    child = subprocess.Popen(
        [sys.executable, str(script)],
        env=environment,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )
    yield child
    child.kill()
    child.communicate()


def test_killed_it_is_resumed_from_what_was_kept(
    ledger: Ledger, holding: subprocess.Popen[str]
) -> None:
    workers = workers_of(holding)
    holding.kill()
    holding.communicate()
    assert_ended(workers)
    left = Verification.objects.get()
    assert (left.state, left.reached_sequence) == ("running", 2)
    ran = run("verify_ledger", "--resume", "--workers", "1", "--json")
    assert (ran.code, ran.json["checked"], ran.json["verification"]) == (0, 7, left.pk)
    left.refresh_from_db()
    assert (left.state, left.runs, left.checked) == ("finished", 2, 7)
    assert left.last_content_hash == ledger.store.head().content_hash


def test_told_to_stop_it_ends_its_workers(holding: subprocess.Popen[str]) -> None:
    workers = workers_of(holding)
    holding.send_signal(signal.SIGINT)
    holding.communicate(timeout=60)
    assert holding.returncode != 0
    assert_ended(workers)
    left = Verification.objects.get()
    assert (left.state, left.reached_sequence) == ("running", 2)


def workers_of(child: subprocess.Popen[str]) -> list[int]:
    assert child.stdout is not None
    ready, _, _ = select.select([child.stdout], [], [], 60)
    workers = [int(word) for word in child.stdout.readline().split()] if ready else []
    if not workers:
        child.kill()
        pytest.fail(f"no workers: {child.communicate()[1]}")
    return workers


def assert_ended(workers: list[int]) -> None:
    """Each is gone or a corpse that nobody has buried yet."""
    for worker in workers:
        try:
            handle = os.pidfd_open(worker)
        except ProcessLookupError:
            continue
        ended, _, _ = select.select([handle], [], [], 60)
        os.close(handle)
        assert ended, worker
