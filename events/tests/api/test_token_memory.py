"""A token that was looked up a moment ago is not looked up again, and no longer than a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed

from events.api.authentication import FRESH_SECONDS, MAX_TOKENS, TRUST_SECONDS, TokenCache
from events.models import ApiToken
from events.tests.support import api
from events.tests.support.ledger import Ledger

TOKEN = b"f" * 64


@dataclass
class Desk:
    """A token store with its own clock."""

    now: float = 0.0
    looks: int = 0
    revoked: bool = False
    cache: TokenCache = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.cache = TokenCache(lambda: self.now)

    def look_up(self, token: bytes) -> Any:
        self.looks += 1
        if self.revoked:
            raise AuthenticationFailed
        return "user", ApiToken(digest=token.decode())

    def ask(self, token: bytes = TOKEN) -> Any:
        return self.cache.find(token, self.look_up)


def test_one_lookup_serves_for_a_second() -> None:
    desk = Desk()
    first = desk.ask()
    desk.now = FRESH_SECONDS - 0.01
    assert desk.ask() == first
    assert desk.looks == 1


def test_a_look_that_a_revocation_overtook_is_not_remembered() -> None:
    desk = Desk()

    def overtaken(token: bytes) -> Any:
        found = desk.look_up(token)
        desk.revoked = True
        desk.cache.clear()
        return found

    desk.cache.find(TOKEN, overtaken)
    with pytest.raises(AuthenticationFailed):
        desk.ask()


def test_a_revocation_is_seen_at_the_next_look_and_held() -> None:
    desk = Desk()
    desk.ask()
    desk.revoked, desk.now = True, FRESH_SECONDS
    for _ in range(2):
        with pytest.raises(AuthenticationFailed):
            desk.ask()
    assert desk.looks == 3


def test_callers_during_a_lookup_are_served_for_a_limited_time() -> None:
    desk = Desk()
    desk.ask()
    served = []

    def slow(token: bytes) -> Any:
        for desk.now in (FRESH_SECONDS, TRUST_SECONDS - 0.01):
            served.append(desk.cache.find(token, desk.look_up))
        desk.revoked, desk.now = True, TRUST_SECONDS
        with pytest.raises(AuthenticationFailed):
            desk.cache.find(token, desk.look_up)
        return "user", ApiToken()

    desk.now = FRESH_SECONDS
    desk.cache.find(TOKEN, slow)
    assert len(served) == 2
    assert desk.looks == 2


def test_each_token_is_looked_up_for_itself() -> None:
    desk = Desk()
    for number in range(MAX_TOKENS + 1):
        _, found = desk.ask(b"%d" % number)
        assert found.digest == str(number)
    assert desk.looks == MAX_TOKENS + 1
    assert len(desk.cache._entries) <= MAX_TOKENS


def test_no_token_is_kept_in_clear() -> None:
    desk = Desk()
    desk.ask(b"secret")
    assert all(b"secret" not in key for key in desk.cache._entries)


def test_a_token_that_expires_while_cached_is_refused(ledger: Ledger, monkeypatch: Any) -> None:
    caller = api.agent()
    ApiToken.objects.update(expiry=timezone.now() + timedelta(hours=1))
    assert caller.get("head").status_code == 200
    later = timezone.now() + timedelta(hours=2)
    monkeypatch.setattr(timezone, "now", lambda: later)
    api.problem(caller.get("head"), 401, "unauthenticated")


def test_a_token_revoked_by_this_process_is_refused_at_once(ledger: Ledger) -> None:
    caller = api.agent()
    assert caller.get("head").status_code == 200
    ApiToken.objects.get().delete()
    api.problem(caller.get("head"), 401, "unauthenticated")
