"""The base of every command: it quotes what others wrote before a terminal sees it.

A terminal obeys what it is sent: an escape sequence in a reason or a name could move the cursor,
clear the screen, or print another text over the true one. So everything that a command writes
passes `names.show`; JSON stays the same JSON.
"""

from __future__ import annotations

from typing import Any, TextIO, cast

from django.core.management.base import BaseCommand, OutputWrapper

from events.names import show

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
