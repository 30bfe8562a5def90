"""Text written by others reaches a terminal quoted, in every command."""

from __future__ import annotations

import io
import json
import pkgutil
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.management import call_command

import auditportal.management.commands
import events.management.commands
import observers.management.commands
from events.format.names import show
from events.management.base import LedgerCommand
from events.tests.support.ceremonies import three_people
from events.tests.support.ledger import Ledger

FOLDERS: tuple[ModuleType, ...] = (
    auditportal.management.commands,
    events.management.commands,
    observers.management.commands,
)
HOSTILE = "ok\x1b]0;owned\x07\x1b[2J\x9b31m \u202e\u2066 0009\nApproved"
DJANGOS_OWN = {"migrate"}


def test_every_command_quotes() -> None:
    for folder in FOLDERS:
        for module in pkgutil.iter_modules([str(Path(p)) for p in folder.__path__]):
            if module.name not in DJANGOS_OWN:
                command = import_module(f"{folder.__name__}.{module.name}").Command
                assert issubclass(command, LedgerCommand), module.name


class Echo(LedgerCommand):
    """Prints its arguments."""

    stealth_options = ("text",)

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(options["text"])
        self.stderr.write(options["text"])


@pytest.mark.parametrize("text", [HOSTILE, json.dumps(HOSTILE, ensure_ascii=False)])
def test_no_terminal_obeys_what_a_command_prints(text: str) -> None:
    out, err = io.StringIO(), io.StringIO()
    call_command(Echo(), text=text, stdout=out, stderr=err)
    for stream in (out, err):
        printed = stream.getvalue()
        assert printed.replace("\n", "").isprintable()
        assert "owned" in printed
    if text.startswith('"'):
        assert json.loads(out.getvalue()) == HOSTILE


def test_a_value_cannot_begin_a_line_of_its_own(ledger: Ledger) -> None:
    """Names, reasons and findings that only a superuser could have put there."""
    ledger.write(3)
    ada, *_ = three_people(ledger)
    proposal = ada.propose("drift_threshold", {"seconds": "7"})
    quoted = HOSTILE.replace("'", "''")
    with ledger.tampering() as superuser:
        superuser.execute("ALTER TABLE person_keys DROP CONSTRAINT person_keys_person_check")
        superuser.execute("ALTER TABLE halt_state DROP CONSTRAINT halt_state_reason_check")
        superuser.execute("ALTER TABLE events DROP CONSTRAINT events_prev_hash_check")
        superuser.execute(f"UPDATE person_keys SET person = '{quoted}' WHERE person = 'Ada'")
        superuser.execute(f"UPDATE ceremonies SET person = '{quoted}'")
        superuser.execute(f"UPDATE events SET prev_hash = '{quoted}' WHERE sequence = 5")
        superuser.execute(
            f"UPDATE halt_state SET halted = true, reason = '{quoted}', halted_at = now()"
        )
    for command in (
        ("people", "list"),
        ("ceremony", "list"),
        ("ceremony", "show", proposal.ceremony_id),
        ("halt", "--reason", "x", "--by", "y"),
        ("verify_ledger", "--workers", "1"),
        ("check_guards",),
        ("watch_ledger", "--once"),
    ):
        out = io.StringIO()
        with suppress(SystemExit):
            call_command(*command, stdout=out, stderr=io.StringIO())
        lines = out.getvalue().splitlines()
        assert not [line for line in lines if line.strip().startswith("Approved")], command
        assert all(line.replace("\t", "").isprintable() for line in lines), command
        if command[0] in ("people", "ceremony", "halt", "verify_ledger"):
            assert show(HOSTILE) in out.getvalue(), command
