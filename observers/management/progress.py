"""A progress bar on standard error, with rate and time left; nothing when it is not a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

STEP = 256
"""Events between two movements of the bar."""


@contextmanager
def progress_bar(total: int) -> Iterator[Callable[[int], None]]:
    """Yields a function that is called with the number of further events done."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("Verifying", total=max(total, 0), rate="")
        pending = 0

        def advance(more: int) -> None:
            nonlocal pending
            pending += more
            if pending >= STEP:
                speed = progress.tasks[task].speed
                rate = f"{speed:,.0f} events/s" if speed else ""
                progress.update(task, advance=pending, rate=rate)
                pending = 0

        yield advance
        progress.update(task, advance=pending)
