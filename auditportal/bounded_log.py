"""Log files that never outgrow a bound, whoever holds them open.

It must never lose the newest lines: the file is copied aside and then emptied in place, because
its writers hold it open in append mode and do not reopen it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import IO

LARGEST = 10 * 1024 * 1024


def open_log(path: Path) -> IO[bytes]:
    """Open a log for appending, closed to others, its folder made if need be."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    keep_bounded(path)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def keep_bounded(path: Path, largest: int = LARGEST) -> None:
    """Move the content to `NAME.1` when the file has outgrown its bound."""
    try:
        if path.stat().st_size <= largest:
            return
    except FileNotFoundError:
        return
    shutil.copyfile(path, path.with_name(path.name + ".1"))
    os.truncate(path, 0)
