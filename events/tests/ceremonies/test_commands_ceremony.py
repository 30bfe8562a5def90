"""`halt`, `people` and `ceremony`: from a halt to its end on the command line."""

from __future__ import annotations

import io
import json
import stat
from pathlib import Path
from typing import Any

import nacl.pwhash
import pytest
from django.core.management import CommandError, call_command

from events.errors import KeyBackendError
from events.format import ed25519
from events.format.ceremony import APPROVED
from events.keys import person_key
from events.store.ceremonies import find_ceremony
from events.tests.support.ledger import Ledger

PASSPHRASE = "correct horse battery"


class Operators:
    """People at their terminals, each with a key file and a file of the passphrase."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text(PASSPHRASE + "\n")

    def run(self, *arguments: str, code: int = 0) -> Any:
        """The JSON of a command, after its exit code has been looked at."""
        out, err = io.StringIO(), io.StringIO()
        try:
            call_command(*arguments, "--json", stdout=out, stderr=err)
            left = 0
        except SystemExit as stopped:
            left, refusal = int(str(stopped.code)), ""
        except CommandError as error:
            left, refusal = error.returncode, str(error)
        else:
            refusal = ""
        assert left == code, (refusal, err.getvalue())
        return refusal or json.loads(out.getvalue())

    def join(self, name: str) -> str:
        """Make a key and have it registered; the public key."""
        made = self.run("people", "keygen", str(self.key(name)), *self.opened)
        proven = self.run("people", "prove", name, "--key", str(self.key(name)), *self.opened)
        self.run("people", "add", name, made["public_key"], proven["proof"])
        return str(made["public_key"])

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    @property
    def opened(self) -> tuple[str, str]:
        return ("--passphrase-file", str(self.passphrase))

    def signs(self, name: str) -> tuple[str, ...]:
        return ("--as", name, "--key", str(self.key(name)), *self.opened)


@pytest.fixture
def operators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operators:
    """The passphrase is cheap to try here, for speed."""
    monkeypatch.setattr(person_key, "_OPERATIONS", nacl.pwhash.argon2id.OPSLIMIT_MIN)
    monkeypatch.setattr(person_key, "_MEMORY", nacl.pwhash.argon2id.MEMLIMIT_MIN)
    return Operators(tmp_path)


def test_three_people_end_a_halt(ledger: Ledger, operators: Operators) -> None:
    ledger.write(1)
    for name in ("Ada", "Bela"):
        operators.join(name)
    halted = operators.run("halt", "--reason", "a fork", "--by", "Ada")
    assert (halted["is_new"], halted["sequence"]) == (True, 7)
    assert operators.run("halt", "--reason", "x", "--by", "y", code=1)["reason"] == "a fork"
    operators.join("Cleo")  # while it is halted: its event waits
    people = operators.run("people", "list")
    operators.run("people", "keygen", str(operators.key("Dana")), *operators.opened)
    dana = operators.run(
        "people", "prove", "Dana", "--key", str(operators.key("Dana")), *operators.opened
    )
    assert [each["person"] for each in people] == ["Ada", "Bela", "Cleo"]
    assert "takes a ceremony" in operators.run(
        "people", "add", "Dana", dana["public_key"], dana["proof"], code=2
    )

    proposed = operators.run(
        "ceremony", "propose", "clear_halt", "--reason", "no fork", *operators.signs("Ada")
    )
    ceremony = proposed["ceremony_id"]
    assert proposed["details"]["halt_reason"] == "a fork"
    refused = operators.run("ceremony", "approve", ceremony, *operators.signs("Ada"), code=2)
    assert "nobody votes on their own proposal" in refused
    voted = operators.run("ceremony", "approve", ceremony, *operators.signs("Bela"))
    assert voted["recorded_sequence"] is None
    voted = operators.run("ceremony", "approve", ceremony, *operators.signs("Cleo"))
    assert voted["recorded_sequence"] == 9
    assert [step["step"] for step in operators.run("ceremony", "show", ceremony)["steps"]] == [
        "proposed",
        "approved",
        "approved",
        "recorded",
    ]
    assert operators.run("ceremony", "list")[0]["ceremony_id"] == ceremony
    types = [e.event_type for e in ledger.store.get_events_by_sequence_range(7, 9)]
    assert types == ["system.halted", "system.person_registered", "ceremony.clear_halt"]
    ledger.write(1)


def test_a_statement_is_signed_elsewhere(
    ledger: Ledger, operators: Operators, tmp_path: Path
) -> None:
    """The bytes go to the person's machine in a file, the signature comes back."""
    keys = {name: operators.join(name) for name in ("Ada", "Bela", "Cleo")}
    ceremony = operators.run(
        "ceremony",
        "propose",
        "drift_threshold",
        "seconds=7",
        "--reason",
        "slow clocks",
        *operators.signs("Ada"),
    )["ceremony_id"]
    said = operators.run("ceremony", "statement", ceremony, "--as", "Bela")["statement"]
    statement = tmp_path / "statement.txt"
    statement.write_text(said + "\n")  # as an editor leaves it
    signed = operators.run(
        "ceremony", "sign", str(statement), "--key", str(operators.key("Bela")), *operators.opened
    )
    message = find_ceremony("default", ceremony).proposal.statement(APPROVED, "Bela")
    assert message.decode() == said
    ed25519.verify(ed25519.decode(keys["Bela"]), message, ed25519.decode(signed["signature"]))


WRONG = {
    "no such kind of detail": (
        ("propose", "retire_key", "key=x", "--reason", "r"),
        "needs exactly",
    ),
    "no pair": (("propose", "retire_key", "x", "--reason", "r"), "NAME=VALUE"),
    "no such ceremony": (("approve", "0191d7a0-0000-7000-8000-000000000001"), "no ceremony"),
    "no id": (("approve", "first"), "no ceremony first"),
    "no halt": (("propose", "clear_halt", "--reason", "r"), "is not halted"),
}


def test_errors_are_explained(ledger: Ledger, operators: Operators) -> None:
    for name in ("Ada", "Bela", "Cleo"):
        operators.join(name)
    for arguments, told in WRONG.values():
        refusal = operators.run("ceremony", *arguments, *operators.signs("Ada"), code=2)
        assert told in refusal


def test_a_key_file_is_its_owners(tmp_path: Path, operators: Operators) -> None:
    path = operators.key("Ada")
    person_key.create(path, PASSPHRASE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(KeyBackendError, match="cannot write"):
        person_key.create(path, PASSPHRASE)
    with pytest.raises(KeyBackendError, match="does not open"):
        person_key.sign(path, PASSPHRASE + "!", b"x")
    with pytest.raises(KeyBackendError, match="at least 12"):
        person_key.create(tmp_path / "short.key", "short")
    for text in ("", "[]", "{}", '{"salt": "x", "box": 1}'):
        path.write_text(text)
        with pytest.raises(KeyBackendError, match="is not a person's key file"):
            person_key.sign(path, PASSPHRASE, b"x")
