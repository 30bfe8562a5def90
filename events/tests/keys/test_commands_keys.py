"""`agent_keys`, `witnesses` and `drift_threshold`: what operators do to keys, and hear of it."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from events.append.services import key_backend, signing_service, writer
from events.errors import (
    KeyRegistryError,
    LedgerConfigurationError,
    NoActiveKeyError,
)
from events.store import registry
from events.tests.support.ledger import Ledger, submission

pytestmark = pytest.mark.usefixtures("ledger")


def run(*arguments: str) -> tuple[str, str]:
    """Return its stdout and stderr."""
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue().rstrip("\n"), err.getvalue()


def answer(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json")[0])


def test_a_created_agent_can_write() -> None:
    made = answer("agent_keys", "create", "door 7")
    assert made["agent_id"] == "door 7"
    event = writer().write_event(submission(agent_id="door 7")).event
    assert event.signing_key_id == made["key_id"]


def test_a_key_may_be_named() -> None:
    assert answer("agent_keys", "create", "door", "--key-id", "door-2026")["key_id"] == "door-2026"
    assert key_backend().public_key("door-2026")


def test_a_second_key_at_once_is_refused() -> None:
    with pytest.raises(KeyRegistryError, match="rotate"):
        run("agent_keys", "create", "agent-7")
    with pytest.raises(KeyRegistryError, match="rotate"):
        run("agent_keys", "create", "--system")


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb"])
def test_an_agent_needs_a_printable_name(name: str) -> None:
    with pytest.raises(CommandError):
        run("agent_keys", "create", name)
    assert name not in {key.agent_id for key in registry.list_agent_keys("default")}


@pytest.mark.parametrize("who", ["agent-7", "--system"])
def test_rotation_leaves_no_gap_and_keeps_the_old_key(ledger: Ledger, who: str) -> None:
    agent = None if who == "--system" else who
    before = writer().write_event(submission(agent_id=agent)).event
    rotated = answer("agent_keys", "rotate", who)
    after = writer().write_event(submission(agent_id=agent)).event
    assert (rotated["retired"], rotated["key_id"]) == (before.signing_key_id, after.signing_key_id)
    keys = {key.key_id: key.validity for key in registry.list_agent_keys("default")}
    assert keys[before.signing_key_id].until_sequence == before.sequence + 1
    assert keys[after.signing_key_id].from_sequence == after.sequence


def test_retiring_the_last_key_of_an_agent_warns_loudly() -> None:
    key_id = writer().write_event(submission()).event.signing_key_id
    out, err = run("agent_keys", "retire", key_id)
    assert "the last sequence it may have signed is 5" in out
    assert "WARNING: agent-7 has no active key" in err
    with pytest.raises(NoActiveKeyError):
        writer().write_event(submission())
    with pytest.raises(KeyRegistryError, match="no such active key"):
        run("agent_keys", "retire", key_id)


def test_agent_keys_are_listed_with_what_they_are_valid_for() -> None:
    writer().write_event(submission())
    old = answer("agent_keys", "rotate", "agent-7")["retired"]
    listed = {key["key_id"]: key for key in answer("agent_keys", "list")}
    assert len(listed) == 4
    assert (listed[old]["from_sequence"], listed[old]["until_sequence"]) == (3, 5)
    assert all(key["private_key_here"] for key in listed.values())
    assert old not in {key["key_id"] for key in answer("agent_keys", "list", "--active")}
    assert {k["agent_id"] for k in answer("agent_keys", "list", "--agent", "agent-7")} == {
        "agent-7"
    }
    text = run("agent_keys", "list")[0]
    assert "the system" in text
    assert len(text.splitlines()) == 5
    assert len({line.index("here") for line in text.splitlines()[1:]}) == 1


def test_a_key_whose_private_half_is_elsewhere_is_marked(ledger: Ledger) -> None:
    [key_id] = [key["key_id"] for key in answer("agent_keys", "list", "--agent", "agent-8")]
    (key_backend().folder / f"{key_id}.key").unlink()
    key_backend().__dict__["_seeds"].clear()
    assert "not here" in run("agent_keys", "list", "--agent", "agent-8")[0]


def test_no_list_shows_a_private_key() -> None:
    seeds = [path.read_text().strip() for path in key_backend().folder.glob("*.key")]
    assert len(seeds) == 4
    shown = "".join(
        run(command, "list", *json_too)[0]
        for command in ("agent_keys", "witnesses")
        for json_too in ((), ("--json",))
    )
    assert not any(seed in shown for seed in seeds)


def test_a_new_witness_attests() -> None:
    assert answer("witnesses", "create", "beta") == {"witness_id": "WITNESS:beta"}
    run("witnesses", "retire", "alpha")
    assert writer().write_event(submission()).event.witness_id == "WITNESS:beta"


def test_replacing_the_only_witness_leaves_no_gap() -> None:
    writer().write_event(submission())
    out, err = run("witnesses", "replace", "alpha", "WITNESS:beta")
    assert "WITNESS:alpha is retired after sequence 5" in out
    assert err == ""
    assert writer().write_event(submission()).event.witness_id == "WITNESS:beta"


def test_a_replacement_that_fails_changes_nothing() -> None:
    with pytest.raises(KeyRegistryError):
        run("witnesses", "replace", "nobody", "beta")
    with pytest.raises(KeyRegistryError):
        run("witnesses", "replace", "alpha", "alpha")
    assert registry.active_witnesses("default") == ["WITNESS:alpha"]


def test_the_last_witness_is_not_retired() -> None:
    assert run("witnesses", "create", "beta")[1] == ""
    assert run("witnesses", "retire", "beta")[1] == ""
    with pytest.raises(KeyRegistryError, match="it is the last one, and nothing could be written"):
        run("witnesses", "retire", "alpha")
    with pytest.raises(KeyRegistryError, match="it is the last one, and nothing could be written"):
        run("agent_keys", "retire", signing_service().active_key(None))
    assert writer().write_event(submission()).event.witness_id == "WITNESS:alpha"


def test_witnesses_are_listed() -> None:
    run("witnesses", "replace", "alpha", "beta")
    run("witnesses", "replace", "beta", "gamma")
    assert [w["witness_id"] for w in answer("witnesses", "list")] == [
        "WITNESS:alpha",
        "WITNESS:beta",
        "WITNESS:gamma",
    ]
    assert [w["witness_id"] for w in answer("witnesses", "list", "--active")] == ["WITNESS:gamma"]


def test_the_threshold_is_shown_and_set_for_the_trigger(ledger: Ledger) -> None:
    assert run("drift_threshold")[0] == "5 seconds"
    assert answer("drift_threshold", "0.25") == {"threshold_seconds": "0.25"}
    assert ledger.query("SELECT drift_threshold_seconds::text FROM ledger_config") == [("0.25",)]


@pytest.mark.parametrize("seconds", ["0", "nan", "inf", "five"])
def test_an_invalid_threshold_is_refused(ledger: Ledger, seconds: str) -> None:
    with pytest.raises(LedgerConfigurationError):
        run("drift_threshold", seconds)
    assert run("drift_threshold")[0] == "5 seconds"
