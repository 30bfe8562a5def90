"""Log lines of a server reach its file soon, whole, and at the latest when the process ends."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import pytest

from auditportal.log_config import MAX_LINES, LogFile

PATIENCE_SECONDS = 10


@pytest.fixture
def log(tmp_path: Path) -> LogFile:
    return LogFile(str(tmp_path / "portal.log"))


def say(log: LogFile, level: int, text: str) -> None:
    log.handle(logging.LogRecord("test", level, "", 0, text, None, None))


def lines(log: LogFile) -> list[str]:
    return log._path.read_text().splitlines() if log._path.exists() else []


def test_trouble_is_written_at_once_with_what_was_said_before_it(log: LogFile) -> None:
    say(log, logging.INFO, "before")
    say(log, logging.WARNING, "trouble")
    assert lines(log) == ["before", "trouble"]


def test_the_rest_is_written_soon_by_itself(log: LogFile) -> None:
    say(log, logging.INFO, "well")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while lines(log) != ["well"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_no_more_than_a_thousand_lines_wait(log: LogFile) -> None:
    for number in range(MAX_LINES):
        say(log, logging.INFO, str(number))
    assert len(lines(log)) == MAX_LINES


def test_a_file_that_was_emptied_or_moved_is_followed(log: LogFile) -> None:
    say(log, logging.WARNING, "first")
    os.truncate(log._path, 0)
    say(log, logging.WARNING, "second")
    assert lines(log) == ["second"]
    log._path.unlink()
    say(log, logging.WARNING, "third")
    assert lines(log) == ["third"]


def test_a_forked_process_writes_its_own_lines_and_not_its_parents(log: LogFile) -> None:
    say(log, logging.INFO, "parent")
    log._start_afresh()  # what a fork calls in the child
    say(log, logging.WARNING, "child")
    assert lines(log) == ["child"]


def test_an_unwritable_log_file_does_not_disturb_the_caller(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = LogFile(str(tmp_path / "missing" / "portal.log"))
    say(log, logging.WARNING, "lost")
    assert "No such file" in capsys.readouterr().err
