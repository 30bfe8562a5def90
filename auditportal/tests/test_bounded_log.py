"""A log keeps its newest lines and stays within its bound."""

from __future__ import annotations

from pathlib import Path

from auditportal.log_config import keep_bounded, open_log


def test_a_writer_that_keeps_the_log_open_continues_at_its_start(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "a.log"
    with open_log(path) as log:
        log.write(b"old line\n" * 10)
        log.flush()
        keep_bounded(path, largest=50)
        log.write(b"new line\n")
    assert path.read_bytes() == b"new line\n"
    assert path.with_name("a.log.1").read_bytes() == b"old line\n" * 10
    assert path.stat().st_mode & 0o077 == 0


def test_a_small_log_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"x" * 50)
    keep_bounded(path, largest=50)
    assert path.stat().st_size == 50
    assert not path.with_name("a.log.1").exists()
