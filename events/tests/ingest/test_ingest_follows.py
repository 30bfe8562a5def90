"""`ingest --follow` records each line once, across rotation, truncation, packing and kill -9."""

from __future__ import annotations

import gzip
import json
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from events.ingest.following import expand
from events.ingest.generations import Lines, rotated
from events.tests.ingest.test_import_records import records
from events.tests.ingest.test_ingest_command import Run, taken
from events.tests.ingest.test_ingest_resumes import child
from events.tests.support.ledger import Ledger


def line(number: int) -> bytes:
    return b'{"n":%d}\n' % number


def append(path: Path, numbers: range) -> None:
    with path.open("ab") as file:
        file.write(b"".join(map(line, numbers)))


def seen(ledger: Ledger) -> Counter[int]:
    return Counter(json.loads(event.payload)["n"] for event in taken(ledger))


def until(holds: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """The barrier."""
    deadline = time.monotonic() + 60
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def following(
    ledger: Ledger, log: Path, end: signal.Signals = signal.SIGTERM
) -> Iterator[subprocess.Popen[bytes]]:
    with child(ledger, log, "--follow") as process:
        try:
            yield process
        finally:
            process.send_signal(end)
            out, err = process.communicate()
    assert process.returncode == (0 if end is signal.SIGTERM else -end), (out, err)


def test_complete_lines_are_ingested_and_half_a_line_waits(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    with following(ledger, log) as process:
        append(log, range(3))
        until(lambda: len(taken(ledger)) == 3, process)
        with log.open("ab") as file:
            file.write(line(3)[:4])
        append(tmp_path / "other.log", range(1))
        time.sleep(1.2)  # more than one look
        assert len(taken(ledger)) == 3
        with log.open("ab") as file:
            file.write(line(3)[4:])
        until(lambda: len(taken(ledger)) == 4, process)
    assert seen(ledger) == Counter(range(4))
    [record] = records(ledger)
    assert record["outcome"] == "complete"
    assert record["reason"] == "followed until it was asked to stop"
    assert [(one["source"], one["added"]) for one in record["inputs"]] == [("audit.log", 4)]


def test_text_is_followed_in_its_format(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("level=info user=zoe\n\nlevel=warn user=bob\n")
    with child(ledger, log, "--follow", "--format", "kv") as process:
        until(lambda: len(taken(ledger)) == 2, process)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
    found = [json.loads(event.payload) for event in taken(ledger)]
    assert [one["fields"]["user"] for one in found] == ["zoe", "bob"]
    with child(ledger, log, "--follow", "--format", "kv") as process:
        with log.open("a") as file:
            file.write("level=info user=eve\n")
        until(lambda: len(taken(ledger)) >= 3, process)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
    assert len(taken(ledger)) == 3


def test_a_rotated_log_is_followed_into_its_new_file(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    append(log, range(5))
    with following(ledger, log) as process:
        until(lambda: len(taken(ledger)) == 5, process)
        log.rename(tmp_path / "audit.log.1")
        append(tmp_path / "audit.log.1", range(5, 7))  # the writer has not reopened it yet
        append(log, range(7, 10))
        until(lambda: len(taken(ledger)) == 10, process)
    assert seen(ledger) == Counter(range(10))


def test_a_truncated_log_starts_again_and_unread_lines_come_from_its_copy(
    ledger: Ledger, tmp_path: Path
) -> None:
    log = tmp_path / "audit.log"
    append(log, range(5))
    with following(ledger, log) as process:
        until(lambda: len(taken(ledger)) == 5, process)
        copy = tmp_path / "audit.log.1"
        shutil.copy(log, copy)
        append(copy, range(5, 7))  # as if these had come between two looks
        with log.open("r+b") as file:
            file.truncate()
        append(log, range(7, 10))
        until(lambda: len(taken(ledger)) == 10, process)
    assert seen(ledger) == Counter(range(10))


def test_every_line_has_one_id_in_whichever_file_it_is_found(
    ledger: Ledger, tmp_path: Path
) -> None:
    log = tmp_path / "audit.log"
    append(log, range(5))
    with following(ledger, log) as process:
        until(lambda: len(taken(ledger)) == 5, process)
    (tmp_path / "audit.log.2.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.rename(tmp_path / "audit.log.1")
    append(log, range(5, 6))
    with following(ledger, log) as process:
        until(lambda: len(taken(ledger)) >= 6, process)
    assert seen(ledger) == Counter(range(6))


def test_killed_under_rotation_each_line_is_there_once(ledger: Ledger, tmp_path: Path) -> None:
    log, count, chance = tmp_path / "audit.log", 0, random.Random(7)
    for round_number in range(4):
        end = signal.SIGTERM if round_number == 3 else signal.SIGKILL
        with following(ledger, log, end) as process:
            for _ in range(6):
                append(log, range(count, count + 40))
                count += 40
                if chance.random() < 0.5:
                    _rotate(tmp_path)
                time.sleep(chance.random() / 10)
            if end is signal.SIGTERM:
                until(lambda count=count: len(taken(ledger)) >= count, process)  # type: ignore[misc]
            else:
                until(lambda: bool(taken(ledger)), process)
    assert seen(ledger) == Counter(range(count))
    assert [one["outcome"] for one in records(ledger)][-1] == "complete"


def _rotate(folder: Path) -> None:
    """Rotate like logrotate, compressing every second file."""
    for number in range(30, 0, -1):
        for end in ("", ".gz"):
            old = folder / f"audit.log.{number}{end}"
            if old.exists():
                new = folder / f"audit.log.{number + 1}{end}"
                old.rename(new)
                if number == 1 and not end:
                    packed = folder / f"audit.log.{number + 1}.gz"
                    packed.write_bytes(gzip.compress(new.read_bytes()))
                    new.unlink()
    (folder / "audit.log").rename(folder / "audit.log.1")


def test_a_log_that_was_ingested_before_is_not_followed_unless_asked(
    ledger: Ledger, tmp_path: Path
) -> None:
    log = tmp_path / "audit.log"
    append(log, range(5))
    Run(str(log))
    run = Run(str(log), "--follow")
    assert run.status == 2
    assert "ingested without --follow" in run.err.getvalue()


@pytest.mark.parametrize(
    "arguments",
    [("-",), ("x", "--dry-run"), ("x", "--format", "array"), ("a", "b", "--source", "s")],
)
def test_options_that_contradict_follow_are_refused(
    ledger: Ledger, arguments: tuple[str, ...]
) -> None:
    assert Run("--follow", *arguments).status == 2


def test_rotated_files_belong_to_their_log(tmp_path: Path) -> None:
    names = [
        "a.log",
        "a.log.1",
        "a.log.2.gz",
        "a.log-20260131.xz",
        "a.log.bak",
        "b.log",
        "ab.log.1",
    ]
    for name in names:
        (tmp_path / name).touch()
    assert {one.name for one in rotated(tmp_path / "a.log")} == {
        "a.log.1",
        "a.log.2.gz",
        "a.log-20260131.xz",
    }
    found = [one.name for one in expand([str(tmp_path / "*.log*")])]
    assert found == ["a.log", "a.log.bak", "ab.log.1", "b.log"]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_lines_are_the_same_however_they_come(size: int) -> None:
    text = b'\xef\xbb\xbf\n{"a":1}\r\n\n{"b":2}\n{"c":3}'
    lines = Lines()
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    found = [record for piece in pieces for record in lines.feed(piece)]
    assert [record.number for record in found] == [2, 4]
    assert [record.number for record in lines.end()] == [5]
    assert lines.identity
