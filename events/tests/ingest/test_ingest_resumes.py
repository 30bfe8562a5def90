"""A killed ingestion loses and duplicates nothing: the next run finishes it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote, urlencode

from django.conf import settings
from django.core.management import call_command

from events.store.ledger import EventFilter
from events.tests.support.ledger import OPENING, Ledger

LINES = 4000


def environment_of_a_child(ledger: Ledger) -> dict[str, str]:
    """Settings that connect another process to the ledger under test."""
    place = {key: str(value) for key, value in ledger.server.dsn("portal_app", ledger.name).items()}
    user, name = place.pop("user"), place.pop("dbname")
    return os.environ | {
        "DATABASE_URL": f"postgresql://{quote(user)}@/{quote(name)}?{urlencode(place)}",
        "PORTAL_KEY_DIR": str(settings.PORTAL_KEY_DIR),
        "DJANGO_SECRET_KEY": "of a test",
    }


def arguments_of_a_child(*arguments: str) -> list[str]:
    """The command line of `ingest` for another process."""
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), "ingest", *arguments]


def child(ledger: Ledger, log: Path | str, *more: str) -> subprocess.Popen[bytes]:
    """Start `ingest` in another process, on the ledger under test."""
    return subprocess.Popen(
        arguments_of_a_child(str(log), "--agent", "agent-7", "--batch", "20", *more),
        cwd=settings.BASE_DIR,
        env=environment_of_a_child(ledger),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def until_written(ledger: Ledger, count: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until `count` events are written behind the opening."""
    deadline = time.monotonic() + 60
    while ledger.store.get_max_sequence() < OPENING + count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline


def test_killed_twice_every_line_is_there_once(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "app.jsonl"
    log.write_text("".join(f'{{"n":{n}}}\n' for n in range(LINES)))
    for count in (100, 700):
        with child(ledger, log) as process:
            until_written(ledger, count, process)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
    killed_at = ledger.store.get_max_sequence()
    assert OPENING + 700 <= killed_at < OPENING + LINES
    call_command("ingest", str(log), "--agent", "agent-7")
    events = ledger.store.select(EventFilter(system=False), limit=2 * LINES)
    seen = Counter(json.loads(event.payload)["n"] for event in events)
    assert seen == Counter(range(LINES))
    assert ledger.store.verify_sequence_continuity() == (True, ())


def test_asked_to_stop_it_says_how_to_finish(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "app.jsonl"
    log.write_text("".join(f'{{"n":{n}}}\n' for n in range(LINES)))
    with child(ledger, log) as process:
        until_written(ledger, 100, process)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert b"run it again to finish" in told
    assert b"Traceback" not in told


def test_a_pipe_that_stays_open_is_written_as_it_comes(ledger: Ledger) -> None:
    with child(ledger, "-") as process:
        assert process.stdin
        for count, total in ((3, 3), (5, 8)):  # far from a full batch
            process.stdin.write(b"".join(b'{"n":%d}\n' % n for n in range(count)))
            process.stdin.flush()
            until_written(ledger, total, process)
        process.stdin.close()
        assert process.wait() == 0
