"""Memory of each process during a soak.

PostgreSQL's processes are counted by proportional share (PSS), since they share pages.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from bench.proc import resident_bytes
from bench.soak.portal import Portal

SHARE = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)
ALLOWED_GROWTH, ALLOWED_MEBIBYTES = 1.5, 32.0
JUDGED = 90
"""Samples of a life that is long enough to judge."""

WARM = 0.25
"""The part of a life in which caches fill and nothing is said of growth."""


@dataclass(frozen=True)
class Figures:
    """MiB of a role: of its oldest process after a quarter of its life and at the end, and the
    maximum of any one."""

    role: str
    begin: float
    end: float
    most: float
    samples: int

    @property
    def grows(self) -> bool:
        """Never said of a short life: then everything is being filled."""
        return self.samples >= JUDGED and self.end > self.begin * ALLOWED_GROWTH + ALLOWED_MEBIBYTES


@dataclass
class Memory:
    """Samples by role and process; PostgreSQL's processes are summed."""

    portal: Portal
    samples: dict[str, dict[int, list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )

    def sample(self) -> None:
        for role, pids in self.portal.processes().items():
            if role == "PostgreSQL":
                shares = [_share_mebibytes(pid) for pid in pids]
                if shares:
                    self.samples[role][pids[0]].append(sum(shares))
                continue
            for pid in pids:
                if resident := resident_bytes(pid):
                    self.samples[role][pid].append(resident / 2**20)

    def figures(self) -> list[Figures]:
        return [_figures(role, list(lives.values())) for role, lives in self.samples.items()]


def _figures(role: str, lives: list[list[float]]) -> Figures:
    longest = max(lives, key=len)
    return Figures(
        role, longest[int(len(longest) * WARM)], longest[-1], max(map(max, lives)), len(longest)
    )


def _share_mebibytes(pid: int) -> float:
    """The proportional share of a process; 0 when it has ended."""
    try:
        found = SHARE.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0
