"""Limits of the API by token and by address, which no header can fool."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, RequestFactory
from pytest_django import Settings

from events.access import limits
from events.access.client_address import client_address, network_of
from events.tests.support import api
from events.tests.support.ledger import Ledger


@pytest.fixture(autouse=True)
def fresh_buckets() -> None:
    limits._per_second.cache_clear()


def statuses(caller: api.Caller, path: str, times: int, **headers: str) -> list[int]:
    return [caller.get(path, **headers).status_code for _ in range(times)]


def test_a_token_over_its_rate_is_told_when_to_retry(ledger: Ledger, settings: Settings) -> None:
    settings.PORTAL_LIMIT_READS = 1
    caller, other = api.observer(), api.observer()
    assert statuses(caller, "keys", 2) == [200, 200]
    response = caller.get("keys")
    detail = api.problem(response, 429, "too-many-requests")
    assert response["Retry-After"] == "1"
    assert detail["detail"] == "this token sends too many requests; try again in 1 s"
    assert other.get("keys").status_code == 200


def test_writing_has_a_limit_of_its_own(ledger: Ledger, settings: Settings) -> None:
    settings.PORTAL_LIMIT_WRITES = settings.PORTAL_LIMIT_READS = 1
    caller = api.agent()
    sent = [caller.post("events", api.event()).status_code for _ in range(3)]
    assert sent == [201, 201, 429]
    assert len(ledger.written()) == 2
    assert caller.get("head").status_code == 200


def test_strangers_are_counted_by_address_and_take_nothing_from_who_is_known(
    ledger: Ledger, settings: Settings
) -> None:
    settings.PORTAL_LIMIT_ADDRESS = 1
    known = api.observer()
    wrong = api.Caller("f" * 64)
    assert statuses(wrong, "head", 3) == [401, 401, 429]
    assert api.Caller("").get("head").status_code == 429
    assert known.get("head").status_code == 200


def test_a_forged_header_makes_no_new_address(ledger: Ledger, settings: Settings) -> None:
    settings.PORTAL_LIMIT_ADDRESS = 1
    wrong = api.Caller("f" * 64)
    found = [wrong.get("head", **{"X-Forwarded-For": f"10.0.0.{n}"}).status_code for n in range(3)]
    assert found == [401, 401, 429]


FORWARDED: dict[str, tuple[int, str | None, str]] = {
    "no proxy, no header": (0, None, "192.0.2.1"),
    "no proxy, so the header is anybody's": (0, "10.9.9.9", "192.0.2.1"),
    "one proxy": (1, "203.0.113.7", "203.0.113.7"),
    "one proxy, and a forged part before it": (1, "10.9.9.9, 203.0.113.7", "203.0.113.7"),
    "two proxies": (2, "10.9.9.9, 203.0.113.7, 198.51.100.1", "203.0.113.7"),
    "past the proxies": (2, "10.9.9.9", "192.0.2.1"),
    "no address": (1, "10.9.9.9, nonsense", "192.0.2.1"),
    "an IPv6 address": (1, "2001:DB8::1", "2001:db8::1"),
    "IPv4 inside IPv6": (1, "::ffff:203.0.113.7", "203.0.113.7"),
}


@pytest.mark.parametrize("name", FORWARDED)
def test_the_address_is_what_the_nearest_trusted_proxy_saw(name: str, settings: Settings) -> None:
    proxies, header, expected = FORWARDED[name]
    settings.PORTAL_TRUSTED_PROXIES = proxies
    sent: dict[str, Any] = {"HTTP_X_FORWARDED_FOR": header} if header else {}
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1", **sent)
    assert client_address(request) == expected


def test_an_ipv6_customer_has_one_network_to_count_by() -> None:
    assert network_of("2001:db8:1:2::3") == network_of("2001:db8:1:2:ffff::1")
    assert network_of("2001:db8:1:2::3") != network_of("2001:db8:1:3::3")
    assert network_of("192.0.2.1") == "192.0.2.1"


def test_health_is_never_limited(ledger: Ledger, settings: Settings) -> None:
    settings.PORTAL_LIMIT_ADDRESS = 1
    assert [Client().get("/healthz").status_code for _ in range(5)] == [200] * 5
