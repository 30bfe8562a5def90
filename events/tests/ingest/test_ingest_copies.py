"""A rotated, packed or copied file is recognized by its content before it is added again."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from events.tests.ingest.test_ingest_command import GOOD, Run, taken, write
from events.tests.support.ledger import Ledger


@pytest.fixture
def log(ledger: Ledger, tmp_path: Path) -> Path:
    """A log that was ingested."""
    path = tmp_path / "audit.log"
    assert Run(write(path, *GOOD)).status == 0
    return path


def test_a_rotated_log_is_recognized(ledger: Ledger, log: Path) -> None:
    rotated = log.rename(f"{log}.1")
    run = Run(str(rotated))
    assert run.status == 2
    assert "has the content of audit.log" in run.err.getvalue()
    assert len(taken(ledger)) == 5
    assert Run(str(rotated), "--source", "audit.log", "--json").counts() == [(5, 0, 5, 0)]


def test_a_packed_rotated_log_is_recognized(ledger: Ledger, log: Path, tmp_path: Path) -> None:
    packed = tmp_path / "audit.log.2.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    assert "has the content of audit.log" in Run(str(packed)).err.getvalue()
    assert len(taken(ledger)) == 5


def test_a_log_that_grew_before_it_was_rotated_is_recognized(
    ledger: Ledger, log: Path, tmp_path: Path
) -> None:
    rotated = tmp_path / "audit.log.1"
    rotated.write_bytes(log.read_bytes() + b'{"n":5}\n')
    run = Run(str(rotated))
    assert run.status == 2
    assert f"begins with the {log.stat().st_size} bytes of audit.log" in run.err.getvalue()
    assert Run(str(rotated), "--source", "audit.log", "--json").counts() == [(6, 1, 5, 0)]


def test_asked_to_it_adds_a_copy_and_knows_it_then(
    ledger: Ledger, log: Path, tmp_path: Path
) -> None:
    copy = write(tmp_path / "copy.log", *GOOD)
    assert Run(copy, "--again", "--json").counts() == [(5, 5, 0, 0)]
    assert Run(copy, "--json").counts() == [(5, 0, 5, 0)]


def test_a_dry_run_says_it(ledger: Ledger, log: Path, tmp_path: Path) -> None:
    run = Run(write(tmp_path / "copy.log", *GOOD), "--dry-run")
    assert run.status == 0
    assert "has the content of audit.log" in run.err.getvalue()


def test_a_log_that_grew_is_not_mistaken_for_a_copy(
    ledger: Ledger, log: Path, tmp_path: Path
) -> None:
    copy = write(tmp_path / "copy.log", *GOOD)
    Run(copy, "--again")
    with log.open("ab") as file:
        file.write(b'{"n":5}\n')
    assert Run(str(log), "--json").counts() == [(6, 1, 5, 0)]


def test_a_different_log_is_not_mistaken_for_a_copy(
    ledger: Ledger, log: Path, tmp_path: Path
) -> None:
    other = write(tmp_path / "other.log", *GOOD[:4], {"another": 1}, GOOD[4])
    assert Run(other, "--json").counts() == [(6, 6, 0, 0)]
    shorter = write(tmp_path / "shorter.log", *GOOD[:3])
    assert Run(shorter, "--json").counts() == [(3, 3, 0, 0)]
