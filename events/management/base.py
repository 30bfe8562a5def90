"""Base for management commands: actions, answers in JSON, escaped output, tables, passphrases.

Escape sequences in stored names or reasons could move a terminal's cursor or overwrite text, so all
output passes `names.show`; JSON stays the same JSON. Passphrases are never taken from the command
line, which every process of the machine can read.
"""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn, TextIO, cast

import orjson
from django.core.management.base import BaseCommand, CommandError, OutputWrapper
from rich.cells import cell_len

from events.format.names import show

COULD_NOT_RUN = 2
"""Exit code of a command that was refused."""


def table(
    titles: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str, numbers: str = ""
) -> str:
    """Format rows as columns under titles; `empty` if there are none.

    Numbers are right-aligned, in the format `numbers`. Own lines, because rich.table takes a
    hundred times as long for thousands of rows.
    """
    if not rows:
        return empty
    right = [any(_is_number(row[place]) for row in rows) for place in range(len(titles))]
    texts = [
        [format(value, numbers) if _is_number(value) else show(str(value)) for value in row]
        for row in rows
    ]
    widths = [max(map(cell_len, column)) for column in zip(titles, *texts, strict=True)]
    lines = (
        "  ".join(
            _pad(text, width, to_right)
            for text, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in [titles, *texts]
    )
    return "\n".join(lines)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal)


def _pad(text: str, width: int, to_right: bool) -> str:
    """Pad to `width` columns of a terminal, where some characters take two and some none."""
    blanks = " " * (width - cell_len(text))
    return blanks + text if to_right else text + blanks


def until(first: int, last: int | None) -> str | int:
    """Format a key's last sequence: empty while active, `never used` if it has none."""
    if last is None:
        return ""
    return last if last >= first else "never used"


def add_json(parser: ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="answer in JSON")


def refuse(reason: str) -> NoReturn:
    """Exit with code 2 and one line."""
    raise CommandError(reason, returncode=COULD_NOT_RUN)


def add_passphrase(parser: ArgumentParser) -> None:
    """Add `--passphrase-file`; without it the terminal is asked."""
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help="its first line; default: ask"
    )


def read_passphrase(options: dict[str, Any], *, twice: bool = False) -> str:
    """Read the passphrase, asked for twice where a typing error would go unnoticed."""
    path: Path | None = options["passphrase_file"]
    if path is not None:
        try:
            return path.read_text(encoding="utf-8").split("\n", 1)[0]
        except (OSError, UnicodeDecodeError) as error:
            refuse(f"cannot read {path}: {error}")
    passphrase = getpass.getpass("Passphrase of the key: ")
    if twice and getpass.getpass("Again: ") != passphrase:
        refuse("the two passphrases differ")
    return passphrase


LAYOUT = "\n\t"
"""Characters allowed in a command's own text. Foreign values in it also pass `show`, so that
it cannot begin a line of its own."""


class QuotedOutput(OutputWrapper):
    """Stream that escapes invisible characters and those that change the writing direction."""

    def write(  # type: ignore[override]
        self, msg: str = "", style_func: Any = None, ending: str | None = None
    ) -> None:
        """Write escaped text; the command's own styles are applied on top."""
        super().write(show(msg, LAYOUT), style_func, ending)


class LedgerCommand(BaseCommand):
    """Django's command with escaped output on whichever streams it is given."""

    @property
    def stdout(self) -> OutputWrapper:
        """Stream for results."""
        return self._stdout

    @stdout.setter
    def stdout(self, stream: OutputWrapper) -> None:
        self._stdout = _quoted(stream)

    @property
    def stderr(self) -> OutputWrapper:
        """Stream for refusals and notes."""
        return self._stderr

    @stderr.setter
    def stderr(self, stream: OutputWrapper) -> None:
        self._stderr = _quoted(stream)

    def answer(self, document: Any, text: str, options: dict[str, Any]) -> None:
        """Print the document with `--json`, else the text."""
        self.stdout.write(orjson.dumps(document).decode() if options["json"] else text)


class ActionCommand(LedgerCommand):
    """Command whose first argument is an action.

    Invariant: the action `set-group` runs `_set_group(options)`, which returns its answer as a
    document for `--json` and as text.
    """

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        self.add_actions(actions)
        for action in actions.choices.values():
            add_json(action)

    def add_actions(self, actions: Any) -> None:
        """Add a parser for each action."""
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        run = getattr(self, f"_{options['action'].replace('-', '_')}")
        document, text = run(options)
        self.answer(document, text, options)


def _quoted(stream: OutputWrapper) -> QuotedOutput:
    return QuotedOutput(cast(TextIO, stream._out), ending=stream.ending)
