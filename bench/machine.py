"""Describes in one line the machine of a measurement, without naming it."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any

from auditportal.embedded.cluster import installed


def describe(cursor: Any) -> str:
    """Processors, memory, PostgreSQL, Python and load; `cursor` belongs to the measured server."""
    return _line(
        f"PostgreSQL {_setting(cursor, 'server_version')} with "
        f"{_setting(cursor, 'shared_buffers')} of shared buffers"
    )


def machine() -> str:
    """The same through an embedded server, when the measured one has ended."""
    return _line(f"embedded PostgreSQL {installed()[1]}")


def _line(postgres: str) -> str:
    return (
        f"{os.cpu_count()} processors ({_processor()}), {_gibibytes():.0f} GiB, {postgres}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    )


def _processor() -> str:
    models = re.findall(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return models[0] if models else platform.machine()


def _gibibytes() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _setting(cursor: Any, name: str) -> str:
    cursor.execute("SELECT current_setting(%s)", [name])
    return str(cursor.fetchone()[0])
