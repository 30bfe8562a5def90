"""Describes in one line the machine of a measurement, without naming it."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from auditportal.embedded.cluster import installed


def machine() -> str:
    """Processors, memory, PostgreSQL, Python and load."""
    return (
        f"{os.cpu_count()} processors ({_processor()}), {_gibibytes():.0f} GiB, "
        f"embedded PostgreSQL {installed()[1]}, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f}"
    )


def _processor() -> str:
    models = re.findall(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return models[0] if models else platform.machine()


def _gibibytes() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
