"""A collector's token writes for the hosts that its records name, under its own prefix alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from events.api.shippers import intake
from events.append.services import signing_service
from events.format import key_events
from events.models import ApiToken
from events.registrar import registrar
from events.tests.support import api
from events.tests.support.ledger import Ledger

UNDER = ("--agents-under", "dc1/", "--agent-field", "host.name")


def collector(*options: str) -> api.Caller:
    return api.Caller(api.issue("--agent", "collector", *(options or UNDER)))


def of(host: Any) -> dict[str, Any]:
    return {"host": {"name": host}}


def writers(ledger: Ledger) -> list[str | None]:
    """Agents of the events behind the opening, without the system's own about keys."""
    about_keys = (key_events.REGISTERED, key_events.RETIRED)
    return [each.agent_id for each in ledger.written() if each.event_type not in about_keys]


def test_each_host_becomes_its_own_agent(ledger: Ledger) -> None:
    caller = collector()
    sent = [of("web-1"), of("web-2"), {"message": "no host"}, of("web-1")]
    assert caller.post("ingest", sent).json()["created"] == 4
    assert writers(ledger) == ["dc1/web-1", "dc1/web-2", "collector", "dc1/web-1"]
    assert caller.post("ingest", sent).json()["already_there"] == 4
    assert signing_service().active_key("dc1/web-2").startswith("dc1-web-2-")


def test_no_agent_outside_the_prefix_is_ever_written_for(ledger: Ledger) -> None:
    """An agent's name begins with the prefix for any name of the host."""
    sent = [of("agent-7"), of("../agent-7"), of("/agent-8"), of("dc2/web-1")]
    collector().post("ingest", sent)
    assert all(str(name).startswith("dc1/") for name in writers(ledger))
    assert len(writers(ledger)) == 4


def test_a_host_with_an_invalid_name_is_one_rejected_record(ledger: Ledger) -> None:
    sent = [of("web-1"), of("a\nb"), of("x" * 200), of("two  blanks"), of(17), of({"a": 1})]
    response = collector().post("ingest", sent)
    assert response.status_code == 207
    named = [(error["index"], error["pointer"]) for error in response.json()["errors"]]
    assert named == [(index, "/host/name") for index in (1, 2, 3)]
    assert writers(ledger) == ["dc1/web-1", "dc1/17", "collector"]


def test_a_retired_host_is_rejected_and_gets_no_new_key(ledger: Ledger) -> None:
    caller = collector()
    caller.post("ingest", of("web-1"))
    registrar().retire_key(signing_service().active_key("dc1/web-1"))
    response = caller.post("ingest", [of("web-1") | {"n": 2}, of("web-2")])
    assert "retired" in response.json()["errors"][0]["detail"]
    assert writers(ledger) == ["dc1/web-1", "dc1/web-2"]


def test_no_more_than_so_many_agents_are_made(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MAX_AGENTS", 2)
    caller = collector()
    response = caller.post("ingest", [of("a"), of("b"), of("c"), of("a"), {"n": 1}])
    assert [error["index"] for error in response.json()["errors"]] == [2]
    assert "which is the limit" in str(response.json())
    assert caller.post("ingest", [of("b"), of("d")]).json()["rejected"] == 1
    assert "dc1/c" not in writers(ledger)


def test_strict_refuses_all_for_one_host(ledger: Ledger) -> None:
    response = collector().post("ingest", [of("a"), of("\t")], Prefer="handling=strict")
    api.problem(response, 400, "invalid-event")
    assert writers(ledger) == []


def test_events_as_such_are_of_the_tokens_own_agent(ledger: Ledger) -> None:
    collector().post("events", api.event(payload=of("web-1")))
    assert writers(ledger) == ["collector"]


def test_a_collectors_token_reads_only_its_own_agent(ledger: Ledger) -> None:
    caller = collector()
    caller.post("ingest", [of("web-1"), {"n": 1}])
    read = caller.get("events").json()["events"]
    assert [event["agent_id"] for event in read] == ["collector"]
    api.problem(caller.get("events?agent_id=dc1/web-1"), 403, "forbidden")


def test_the_listing_says_what_it_may(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    collector()
    call_command("tokens")
    assert "write as collector and agents under dc1/, read its events" in capsys.readouterr().out


BAD = {
    "no slash": ("--agents-under", "dc1"),
    "a slash alone": ("--agents-under", "/"),
    "no name": ("--agents-under", "a\tb/"),
    "a field without prefix": ("--agent-field", "host"),
    "no path": (*UNDER, "--id-field", "a..b"),
    "a unit without field": ("--local-time-unit", "ms"),
    "no zone": ("--local-time", "at", "--local-zone", "Nowhere/Atall"),
    "a reserved type": ("--type", "system.halted"),
    "no type": ("--type", "a\nb"),
}


@pytest.mark.parametrize("name", BAD)
def test_wrong_options_make_no_token(ledger: Ledger, name: str) -> None:
    with pytest.raises(CommandError):
        api.issue("--agent", "collector", *BAD[name])
    assert not ApiToken.objects.exists()


def test_an_observers_token_accepts_none_of_the_mapping_options(ledger: Ledger) -> None:
    with pytest.raises(CommandError, match="writes nothing"):
        api.issue("--observer", "--type", "x")


@pytest.mark.parametrize("prefix", ["dc1", "", "/", "a\tb/"])
def test_the_database_keeps_no_other_prefix(ledger: Ledger, prefix: str) -> None:
    collector()
    with pytest.raises(Exception, match="api_tokens"):
        ledger.query("UPDATE api_tokens SET agents_under = %s RETURNING 1", [prefix])
