"""Permissions over HTTP: agent tokens, reading tokens, sessions, anonymous callers."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from events.accounts.roles import set_group
from events.models import ApiToken
from events.tests.support import api
from events.tests.support.ledger import Ledger

TOKENS = {
    "unknown": "f" * 64,
    "cut off": "",
    "of other characters": "é" * 20,
    "with U+0000": "a\0b",
    "very long": "a" * 10_000,
}


def issue(*options: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("issue_token", *options, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.mark.parametrize("method", ["get", "post"])
def test_without_a_token_there_is_nothing(ledger: Ledger, method: str) -> None:
    response = api.Caller("").call(method, "events")
    api.problem(response, 401, "unauthenticated")
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("name", TOKENS)
def test_a_wrong_token_is_refused(ledger: Ledger, name: str) -> None:
    known = api.issue("--observer")
    wrong = TOKENS[name] or known[:-1]
    response = api.Caller(wrong).get("head")
    api.problem(response, 401, "unauthenticated")
    assert response["WWW-Authenticate"] == "Bearer"
    assert wrong not in response.content.decode()


@pytest.mark.parametrize("header", ["Bearer", "Bearer a b", "Basic YTpi", "Bearer \xff"])
def test_a_wrong_header_is_refused(ledger: Ledger, header: str) -> None:
    response = api.Caller("").get("head", Authorization=header)
    api.problem(response, 401, "unauthenticated")


def test_an_expired_token_is_refused_and_kept(ledger: Ledger) -> None:
    caller, other = api.agent(), api.observer()
    ApiToken.objects.filter(agent_id="agent-7").update(expiry=timezone.now() - timedelta(seconds=1))
    refused = api.problem(caller.get("head"), 401, "unauthenticated")
    assert "This token expired at 20" in refused["detail"]
    assert other.get("head").status_code == 200
    assert ApiToken.objects.count() == 2


def test_a_token_is_taken_until_it_expires(ledger: Ledger) -> None:
    caller = api.Caller(api.issue("--observer", "--expires", "1"))
    left = ApiToken.objects.get().expiry - timezone.now()
    assert caller.get("head").status_code == 200
    assert timedelta(hours=23) < left <= timedelta(days=1)


def test_a_revoked_token_is_refused(ledger: Ledger) -> None:
    caller = api.agent()
    ApiToken.objects.all().delete()
    api.problem(caller.get("head"), 401, "unauthenticated")


@pytest.mark.parametrize("path", ["events", "events/batch"])
def test_an_observers_token_only_reads(ledger: Ledger, path: str) -> None:
    caller = api.observer()
    assert caller.get("events").status_code == 200
    detail = api.problem(caller.post(path, api.event()), 403, "forbidden")
    assert "only read" in detail["detail"]
    assert ledger.written() == []


def test_an_agents_token_reads_too(ledger: Ledger) -> None:
    assert api.agent().get("head").status_code == 200


def signed_in(group: str | None = None, **traits: Any) -> Client:
    person = User.objects.create_user("person", password="a long password", **traits)
    if group:
        set_group(person, group)
    client = Client()
    client.force_login(person)
    return client


@pytest.mark.parametrize("group", ["auditor", "operator", "administrator"])
def test_a_session_of_each_group_reads(ledger: Ledger, group: str) -> None:
    assert signed_in(group).get("/api/v1/head").status_code == 200


def test_a_session_never_writes(ledger: Ledger) -> None:
    response = signed_in("administrator", is_superuser=True).post(
        "/api/v1/events", api.event(), content_type="application/json"
    )
    api.problem(response, 403, "forbidden")
    assert ledger.written() == []


@pytest.mark.parametrize(
    "traits", [{}, {"is_staff": True}, {"group": "auditor", "is_active": False}]
)
def test_another_session_is_nobody(ledger: Ledger, traits: dict[str, Any]) -> None:
    api.problem(signed_in(**traits).get("/api/v1/head"), 401, "unauthenticated")


def test_the_token_alone_is_on_stdout(ledger: Ledger) -> None:
    out, err = issue("--agent", "agent-7")
    token = out.removesuffix("\n")
    assert token.isalnum()
    assert len(token) == 64
    assert "agent-7" in err
    assert token not in err
    assert api.Caller(token).post("events", api.event()).json()["agent_id"] == "agent-7"


def test_an_agent_without_key_gets_one(ledger: Ledger) -> None:
    out, err = issue("--agent", "new agent")
    assert "created the signing key new-agent-" in err
    assert api.Caller(out.strip()).post("events", api.event()).status_code == 201
    assert "made" not in issue("--agent", "new agent")[1]


def test_only_a_digest_is_kept(ledger: Ledger) -> None:
    token = issue("--observer")[0].strip()
    (row,) = ledger.query("SELECT digest, token_key FROM api_tokens")
    assert token not in row
    assert token.startswith(row[1])
    assert len(row[1]) == 15


def test_nobody_can_sign_in_as_the_service_user(ledger: Ledger) -> None:
    issue("--observer")
    issue("--agent", "agent-7")
    owner = User.objects.get()
    assert owner.username == "api"
    assert not owner.has_usable_password()
    assert not owner.is_staff
    assert not owner.is_superuser


def test_a_person_named_api_is_not_made_the_service_user(ledger: Ledger) -> None:
    User.objects.create_user("api", password="a long password")
    with pytest.raises(CommandError, match="belongs to a person"):
        issue("--observer")


BAD_OPTIONS = {
    "neither agent nor observer": [],
    "both": ["--observer", "--agent", "agent-7"],
    "no day": ["--observer", "--expires", "0"],
    "days without end": ["--observer", "--expires", "99999999"],
    "empty name": ["--agent", ""],
    "name too long": ["--agent", "a" * 201],
    "unprintable name": ["--agent", "a\tb"],
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_wrong_options_make_no_token(ledger: Ledger, name: str) -> None:
    with pytest.raises(CommandError):
        issue(*BAD_OPTIONS[name])
    assert not ApiToken.objects.exists()
