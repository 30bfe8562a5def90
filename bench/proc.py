"""Reads the processor time and the memory of processes from /proc."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")


class _Process(NamedTuple):
    parent: int
    ticks: int
    """Its own, and those of its children that have ended."""


def seconds_below(root: int) -> float:
    """User and system time of a process and its descendants, in seconds.

    Children that ended and were waited for are included.
    """
    processes = dict(_processes())
    children: dict[int, list[int]] = defaultdict(list)
    for pid, process in processes.items():
        children[process.parent].append(pid)
    found, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        if pid in processes:
            found += processes[pid].ticks
            waiting += children[pid]
    return found / TICKS


def resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 when it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _processes() -> list[tuple[int, _Process]]:
    return [
        (int(folder.name), process)
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and (process := _read(folder))
    ]


def _read(folder: Path) -> _Process | None:
    """The fields of proc(5) from the third on; None when the process has ended."""
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return _Process(int(fields[1]), sum(int(ticks) for ticks in fields[11:15]))
