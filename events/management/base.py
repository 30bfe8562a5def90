"""The base of every command: it quotes what others wrote before a terminal sees it.

A terminal obeys what it is sent: an escape sequence in a reason or a name could move the cursor,
clear the screen, or print another text over the true one. So everything that a command writes
passes `names.show`; JSON stays the same JSON.

Plain tables for a terminal. They must never hold a control character.

The passphrase of a personal key. It must never be taken from the command line itself, where
every process of the machine could read it.
"""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO, cast

from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from events.format.names import show


def table(titles: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str) -> str:
    """Columns under their titles, numbers to the right; `empty` when there is no row."""
    if not rows:
        return empty
    texts = [[show(str(value)) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *texts, strict=True)]
    right = [any(isinstance(row[place], int) for row in rows) for place in range(len(titles))]
    lines = (
        "  ".join(
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in [titles, *texts]
    )
    return "\n".join(lines)


def until(first: int, last: int | None) -> str | int:
    """The last sequence of a key: nothing while it is active, `never used` if it has none."""
    if last is None:
        return ""
    return last if last >= first else "never used"


def add_passphrase(parser: ArgumentParser) -> None:
    """`--passphrase-file`; without it the terminal is asked."""
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help="its first line; default: ask"
    )


def read_passphrase(options: dict[str, Any], *, twice: bool = False) -> str:
    """The passphrase, asked for twice where nothing could tell a slip of the keyboard."""
    path: Path | None = options["passphrase_file"]
    if path is not None:
        try:
            return path.read_text(encoding="utf-8").split("\n", 1)[0]
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"cannot read {path}: {error}", returncode=2) from None
    passphrase = getpass.getpass("Passphrase of the key: ")
    if twice and getpass.getpass("Again: ") != passphrase:
        raise CommandError("the two passphrases differ", returncode=2)
    return passphrase


LAYOUT = "\n\t"
"""What a command's own text may hold. A value of others' in it passes `show` by itself too, so that
it cannot begin a line of its own."""


class QuotedOutput(OutputWrapper):
    """A stream that shows what is unseen, or turns the writing direction, as escapes."""

    def write(  # type: ignore[override]
        self, msg: str = "", style_func: Any = None, ending: str | None = None
    ) -> None:
        """Write a text; the styles of the command itself come on top."""
        super().write(show(msg, LAYOUT), style_func, ending)


class LedgerCommand(BaseCommand):
    """Django's command with quoted output, whichever streams it is given."""

    @property
    def stdout(self) -> OutputWrapper:
        """Where answers go."""
        return self._stdout

    @stdout.setter
    def stdout(self, stream: OutputWrapper) -> None:
        self._stdout = _quoted(stream)

    @property
    def stderr(self) -> OutputWrapper:
        """Where refusals and notes go."""
        return self._stderr

    @stderr.setter
    def stderr(self, stream: OutputWrapper) -> None:
        self._stderr = _quoted(stream)


def _quoted(stream: OutputWrapper) -> QuotedOutput:
    return QuotedOutput(cast(TextIO, stream._out), ending=stream.ending)
