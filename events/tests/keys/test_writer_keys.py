"""Keys whose private half their writer keeps: registered with a proof, replaced with a second."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from events.append.services import key_backend, signing_service
from events.ceremonies import complete_details
from events.errors import CeremonyRefusedError, KeyRegistryError
from events.format import ed25519, key_events
from events.keys import writer_key
from events.registrar import registrar
from events.store import registry
from events.tests.support.ceremonies import hold
from events.tests.support.ceremonies import register as register_people
from events.tests.support.ledger import Ledger
from events.tests.support.writer import WRITER, Writer

pytestmark = pytest.mark.usefixtures("ledger")
OTHER_LEDGER = "7b0f2f5e-6f1b-4c58-9a56-0b1a3a0c2d11"


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("agent_keys", *arguments, stdout=out)
    return out.getvalue()


def keys_of(agent: str = WRITER) -> dict[str, registry.AgentKeyRecord]:
    return {k.key_id: k for k in registry.list_agent_keys("default") if k.agent_id == agent}


def register_by_command(asked: dict[str, str], *more: str) -> str:
    arguments = ["register", "--agent", WRITER, "--key-id", asked["key_id"]]
    arguments += ["--public-key", asked["public_key"], "--proof", asked["proof"]]
    return run(*arguments, *more)


def test_an_operator_registers_a_key_with_its_proof() -> None:
    writer = Writer()
    answer = json.loads(register_by_command(writer.registration(), "--json"))
    key = keys_of()[writer.key_id]
    assert (key.custody, key.sig_alg_version) == ("writer", 2)
    assert key.public_key == writer.public_key == answer["public_key"]
    assert answer["from_sequence"] == key.validity.from_sequence
    assert not key_backend().holds(writer.key_id)
    assert "its writer's" in run("list", "--agent", WRITER)


def test_the_public_key_may_come_from_a_file(tmp_path: Path) -> None:
    writer, file = Writer(), tmp_path / "own.pub"
    file.write_text(writer.public_key + "\n")
    asked = writer.registration()
    assert writer.public_key in register_by_command({**asked, "public_key": str(file)})


def test_a_wrong_proof_is_refused_with_what_should_have_been_signed() -> None:
    writer = Writer()
    asked = writer.registration(ledger_id=OTHER_LEDGER)
    with pytest.raises(KeyRegistryError) as refused:
        register_by_command(asked)
    said = key_events.registration(
        "agent", writer.key_id, writer.public_key, owner=WRITER, custody="writer"
    )
    message = key_events.proof_message(said, registry.ledger_id("default")).decode()
    context, content = message.split("\n")
    assert f'it signs "{context}", a line feed, and {content}' in str(refused.value)
    assert keys_of() == {}


def test_a_writer_replaces_its_own_key_also_when_ceremonies_are_in_force() -> None:
    old, new = Writer(), Writer(key_id="agent-9-next")
    register_people()
    old.register()
    event = new.register(replaces=old)
    known = keys_of()
    assert known[old.key_id].validity.until_sequence == event.sequence
    assert known[new.key_id].validity.from_sequence == event.sequence + 1


def test_an_operator_alone_replaces_it_only_while_the_ledger_is_set_up() -> None:
    old, new, third = Writer(), Writer(key_id="second"), Writer(key_id="third")
    old.register()
    register_by_command(proved_alone(new, old.key_id), "--replaces", old.key_id)
    register_people()
    with pytest.raises(CeremonyRefusedError, match="takes a ceremony"):
        register_by_command(proved_alone(third, new.key_id), "--replaces", new.key_id)


def proved_alone(new: Writer, old: str) -> dict[str, str]:
    """A registration that the key to be replaced has not signed."""
    return new.registration(replaces=Writer(key_id=old))


def test_only_the_writer_held_key_itself_agrees_to_be_replaced() -> None:
    old, new = Writer(), Writer(key_id="next")
    old.register()
    stranger = Writer(key_id=old.key_id)
    with pytest.raises(KeyRegistryError, match="replaced_proof is not a signature by an active"):
        new.register(replaces=stranger)
    server = signing_service().active_key("agent-7")
    with pytest.raises(KeyRegistryError, match="that its writer holds"):
        registrar().register_writer_key(
            "agent-7", **Writer("agent-7", "own").registration(Writer("agent-7", server))
        )
    another = Writer("agent-6", "agent-6-own")
    another.register()
    with pytest.raises(KeyRegistryError, match="no such active key"):
        new.register(replaces=another)


def test_a_retired_key_agrees_to_nothing() -> None:
    old, new, third = Writer(), Writer(key_id="second"), Writer(key_id="third")
    old.register()
    new.register(replaces=old)
    with pytest.raises(KeyRegistryError, match="active key"):
        third.register(replaces=old)


def test_the_server_makes_no_successor_of_a_key_that_it_does_not_hold() -> None:
    writer = Writer()
    writer.register()
    with pytest.raises(KeyRegistryError, match="held by its writer"):
        registrar().rotate_key(WRITER)
    with pytest.raises(KeyRegistryError, match="held by its writer"):
        complete_details(
            "rotate_key", {"old_key": writer.key_id}, using="default", backend=key_backend()
        )


def test_a_ceremony_replaces_it_with_a_key_that_the_writer_made(ledger: Ledger) -> None:
    old, new = Writer(), Writer(key_id="next")
    register_people()
    old.register()
    asked = new.registration(replaces=old)
    given = {"old_key": old.key_id, "new_key": new.key_id, "proof": asked["proof"]}
    given["new_public_key"] = new.public_key
    details = complete_details("rotate_key", given, using="default", backend=key_backend())
    hold(ledger, "rotate_key", details)
    assert keys_of()[new.key_id].custody == "writer"


# --- The writer's own tool ---


def tool(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "events.keys.writer_key", *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"},
    )


def test_the_tool_needs_neither_django_nor_a_database() -> None:
    program = "import sys, events.keys.writer_key; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"django", "psycopg"} & {name.split(".")[0] for name in loaded}


def test_the_tool_makes_and_proves_a_key_and_signs_with_it(tmp_path: Path) -> None:
    file, later = str(tmp_path / "own.key"), str(tmp_path / "next.key")
    public_key = tool("keygen", file).stdout.strip()
    assert stat.S_IMODE(Path(file).stat().st_mode) == 0o600
    named = ("--ledger", registry.ledger_id("default"), "--agent", WRITER, "--key-id")
    asked: dict[str, Any] = json.loads(tool("prove", file, *named, "own").stdout)
    assert asked["public_key"] == public_key
    registrar().register_writer_key(WRITER, **asked)
    signed = json.loads(
        tool("sign", file, *named, "own", text='{"event_type":"a","payload":{"b":1.0}}').stdout
    )
    assert set(signed) >= {"event_id", "payload_salt", "signing_key_id", "signature"}
    tool("keygen", later)
    more = ("--replaces", "own", "--replaced-key", file)
    asked = json.loads(tool("prove", later, *named, "next", *more).stdout)
    registrar().register_writer_key(WRITER, **asked)
    assert keys_of()["own"].validity.until_sequence is not None


def test_a_key_file_may_be_locked(tmp_path: Path) -> None:
    file, passphrase = tmp_path / "own.key", "correct horse battery"
    public_key = writer_key.create(file, passphrase)
    known, sign = writer_key.load(file, lambda: passphrase)
    assert known == public_key
    ed25519.verify(ed25519.decode(public_key), b"m", sign(b"m"))


@pytest.mark.parametrize(
    ("arguments", "text", "reason"),
    [
        (("keygen", "own"), "", "ends with .key"),
        (("sign", "absent.key", "--ledger", "l", "--agent", "a", "--key-id", "k"), "", "cannot"),
        (("sign", "{file}", "--ledger", "l", "--agent", "a", "--key-id", "k"), "1", "event_type"),
        (("sign", "{file}", "--ledger", "l", "--agent", "a", "--key-id", "k"), "{", "JSON"),
        (("keygen", "{file}"), "", "already exists"),
    ],
)
def test_the_tool_says_in_one_line_what_is_wrong(
    tmp_path: Path, arguments: tuple[str, ...], text: str, reason: str
) -> None:
    file = tmp_path / "own.key"
    writer_key.create(file)
    ended = tool(*(word.format(file=file) for word in arguments), text=text)
    assert ended.returncode == 2
    assert reason in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
