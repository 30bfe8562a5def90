"""Runs a management command as an operator would, and returns its exit code and output."""

from __future__ import annotations

import io
import json
from typing import Any, NamedTuple

from django.core.management import CommandError, call_command


class Ran(NamedTuple):
    """Exit code and output of a command."""

    code: int
    text: str

    @property
    def json(self) -> Any:
        """Its standard output as JSON."""
        return json.loads(self.text)


def run(*arguments: str) -> Ran:
    """Run `manage.py ARGUMENTS`."""
    output = io.StringIO()
    try:
        call_command(*arguments, stdout=output)
    except SystemExit as stopped:
        return Ran(int(str(stopped.code)), output.getvalue())
    except CommandError as refused:
        return Ran(refused.returncode, str(refused))
    return Ran(0, output.getvalue())


def findings(*arguments: str) -> list[tuple[int, str]]:
    """`(sequence, check)` of every finding of `verify_ledger`."""
    ran = run("verify_ledger", "--json", *arguments)
    found = [(finding["sequence"], finding["check"]) for finding in ran.json["findings"]]
    assert (ran.code == 1) == bool(found), ran
    return found
