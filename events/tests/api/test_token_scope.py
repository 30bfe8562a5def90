"""A token reads everything, its own agent's events, or nothing, and never more."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from events.access.recorder import recorder
from events.append.services import writer
from events.append.writer import AtomicEventWriter
from events.models import ApiToken
from events.tests.support import api
from events.tests.support.ledger import OPENING, Ledger, submission


def command(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture
def mixed(ledger: Ledger) -> Ledger:
    """Two events of agent-7, two of agent-8 with clocks that are off, one of the system."""
    door: AtomicEventWriter = writer()
    for number, agent in enumerate(("agent-7", "agent-8", "agent-7", "agent-8", None)):
        off = timedelta(hours=1) if agent == "agent-8" else timedelta(0)
        door.write_event(
            submission(number=number, agent_id=agent, local_timestamp=timezone.now() - off)
        )
    return ledger


def agents(events: list[dict[str, Any]]) -> list[str | None]:
    return [event["agent_id"] for event in events]


def test_a_token_of_an_agent_reads_its_own_events_unless_told_otherwise(mixed: Ledger) -> None:
    page = api.agent().get("events").json()
    assert agents(page["events"]) == ["agent-7", "agent-7"]
    everything = api.Caller(api.issue("--agent", "agent-7", "--reads", "all")).get("events").json()
    assert len(everything["events"]) == OPENING + 5
    assert page["completeness"] == everything["completeness"]


@pytest.mark.parametrize("query", ["agent_id=agent-8", "system=true"])
@pytest.mark.parametrize("path", ["events", "export"])
def test_others_asked_for_by_name_are_refused(mixed: Ledger, path: str, query: str) -> None:
    detail = api.problem(api.agent().get(f"{path}?{query}"), 403, "forbidden")
    assert detail["detail"] == "this token may only read the events of agent-7"


def test_an_event_of_another_is_as_one_that_is_not_there(mixed: Ledger) -> None:
    caller, other = api.agent(), mixed.store.get_event(5)
    assert other is not None
    for path, nowhere in (
        ("events/5", "events/99"),
        (f"events/by-id/{other.event_id}", "events/by-id/0191d7a0-0000-7000-8000-000000000001"),
    ):
        found = api.problem(caller.get(path), 404, "not-found")["detail"]
        missing = api.problem(caller.get(nowhere), 404, "not-found")["detail"]
        assert found.split(" has ")[0] == missing.split(" has ")[0] == "no event of agent-7"
    assert caller.get("events/6").json()["agent_id"] == "agent-7"


def test_an_export_holds_its_own_events_alone_and_says_so(mixed: Ledger) -> None:
    response = api.agent().get("export")
    lines = b"".join(response.streaming_content).splitlines()
    assert agents([json.loads(line) for line in lines]) == ["agent-7", "agent-7"]
    assert "-filtered" in response["Content-Disposition"]


def test_drift_warnings_and_keys_are_narrowed(mixed: Ledger) -> None:
    caller = api.agent()
    assert caller.get("drift-warnings").json()["warnings"] == []
    assert len(api.observer().get("drift-warnings").json()["warnings"]) == 2
    api.problem(caller.get("drift-warnings?agent_id=agent-8"), 403, "forbidden")
    keys = caller.get("keys").json()
    assert {key["agent_id"] for key in keys["agents"]} == {"agent-7"}
    assert len(keys["witnesses"]) == 1


def test_numbers_and_hashes_stay_whole(mixed: Ledger) -> None:
    caller = api.agent()
    assert caller.get("head").json()["event_count"] == OPENING + 5
    assert caller.get("continuity").json()["is_continuous"]


def test_findings_speak_of_everybody_so_they_are_closed(mixed: Ledger) -> None:
    detail = api.problem(api.agent().get("verification"), 403, "forbidden")["detail"]
    assert (
        detail
        == "this token may only read the events of agent-7; this address shows events of others too"
    )


@pytest.mark.parametrize(
    "path", ["events", "events/4", "head", "continuity", "drift-warnings", "keys", "export"]
)
def test_a_token_that_only_writes_reads_nothing(mixed: Ledger, path: str) -> None:
    caller = api.Caller(api.issue("--agent", "agent-7", "--reads", "nothing"))
    detail = api.problem(caller.get(path), 403, "forbidden")["detail"]
    assert detail == "this token may only write"
    assert caller.post("events", api.event()).status_code == 201


def test_a_token_writes_as_its_agent_whatever_it_says(ledger: Ledger) -> None:
    api.problem(api.agent().post("events", api.event(agent_id="agent-8")), 400, "invalid-event")
    assert api.agent().post("events", api.event()).json()["agent_id"] == "agent-7"


def test_options_that_contradict_an_observers_token_are_refused(ledger: Ledger) -> None:
    with pytest.raises(CommandError, match="reads everything"):
        api.issue("--observer", "--reads", "own")


def test_use_is_noted_once_a_minute(ledger: Ledger) -> None:
    caller = api.observer()
    for _ in range(3):
        assert caller.get("head").status_code == 200
    assert recorder().flush()
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    recorder().note_use(ApiToken.objects.get().token_key, first + timedelta(seconds=59))
    assert recorder().flush()
    assert ApiToken.objects.get().last_used_at == first
    recorder().note_use(ApiToken.objects.get().token_key, first + timedelta(seconds=61))
    assert recorder().flush()
    assert ApiToken.objects.get().last_used_at == first + timedelta(seconds=61)


def test_tokens_are_listed_with_what_they_may_and_never_in_full(ledger: Ledger) -> None:
    token = api.issue("--agent", "agent-7", "--expires", "12h")
    api.issue("--observer")
    listed = {each["token"]: each for each in json.loads(command("tokens", "--json"))}
    mine = listed[token[:15]]
    assert (mine["agent_id"], mine["writes"], mine["reads"]) == ("agent-7", True, "own")
    assert mine["expires"]
    assert not mine["expired"]
    text = command("tokens")
    assert "write as agent-7, read its events" in text
    assert token not in text
    assert ApiToken.objects.get(agent_id="agent-7").digest not in text


def test_a_token_is_revoked_by_its_beginning_or_with_all_of_its_agent(ledger: Ledger) -> None:
    first, second, other = api.agent(), api.agent(), api.observer()
    command("revoke_token", first.token)
    api.problem(first.get("head"), 401, "unauthenticated")
    assert second.get("head").status_code == 200
    assert "agent-7" in command("revoke_token", "--agent", "agent-7")
    api.problem(second.get("head"), 401, "unauthenticated")
    assert other.get("head").status_code == 200


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["short"], "first 15 characters"),
        (["f" * 15], "no token begins with these characters"),
        (["--agent", "nobody"], "nobody has no token"),
    ],
)
def test_an_unknown_token_is_not_revoked(ledger: Ledger, words: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said) as refused:
        command("revoke_token", *words)
    assert refused.value.returncode == 2


@pytest.mark.parametrize("text", ["30x", "0", "-1", "1.5d", "99999999d", "d"])
def test_an_invalid_duration_makes_no_token(ledger: Ledger, text: str) -> None:
    with pytest.raises(CommandError):
        api.issue("--observer", f"--expires={text}")
    assert not ApiToken.objects.exists()
