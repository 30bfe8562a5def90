"""Follows the portal's log and reports lines that must not be in it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from bench.soak.tally import Tally

ALARMS = ("given_up", "access_log_full", "access_log_lost", "watch_finding", "signing_helper_wrong")
AWAY = ("OperationalError", "InterfaceError", "LedgerUnavailableError", "ConnectorException",
        "AdminShutdown", "PoolTimeout", "ConnectionTimeout", "JobAborted")  # fmt: skip
"""Exceptions that may end a traceback while the database is away, or a worker is told to end."""


class LogTail:
    """Follows a log file that is rotated by copy and truncate."""

    def __init__(self, path: Path, tally: Tally) -> None:
        self._path, self._tally = path, tally
        self._offset, self._rest = 0, b""
        self.events: Counter[tuple[str, str]] = Counter()
        """By level and event, of warnings and worse, and of the restarts."""

    def read(self) -> None:
        """The new lines."""
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            return
        if size < self._offset:
            self._take(self._path.with_name(self._path.name + ".1"))
            self._offset, self._rest = 0, b""
        self._take(self._path)

    def _take(self, path: Path) -> None:
        with path.open("rb") as log:
            log.seek(self._offset)
            text = log.read()
        self._offset += len(text)
        *lines, self._rest = (self._rest + text).split(b"\n")
        for line in lines:
            self._judge(line)

    def _judge(self, line: bytes) -> None:
        try:
            entry: dict[str, Any] = orjson.loads(line)
        except ValueError:
            self._tally.fault(f"a line of the log is not JSON: {line[:200]!r}")
            return
        event, level = str(entry.get("event")), str(entry.get("level"))
        if level not in ("info", "debug"):
            self.events[level, " ".join(event.split())[:60]] += 1
        if level == "critical" or any(alarm in event for alarm in ALARMS):
            self._tally.fault(f"the log says: {line[:500]!r}")
        if entry.get("exception") and not _is_away(entry["exception"]):
            self._tally.fault(f"the log has a traceback: {line[:1500]!r}")


def _is_away(trace: Any) -> bool:
    kinds = [each.get("exc_type") for each in trace] if isinstance(trace, list) else []
    return any(kind in AWAY for kind in kinds)
