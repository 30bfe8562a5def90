"""A page whose address was made to do harm says what is wrong with it, and never breaks."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from events.tests.support.admin_site import superuser
from events.tests.support.ledger import Ledger
from observers.tests.support.pages import sign_in

DIGITS = "9" * 5000
HOSTILE = {
    "a number of 5,000 digits": f"={DIGITS}",
    "the last of bigint": f"={2**63 - 1}",
    "beyond bigint": f"={2**63}",
    "far below": f"=-{2**63}",
    "a cursor and a choice": f"=1&after={2**63 - 1}&before={2**63 - 1}",
    "the first hour, far east": "=0001-01-01T00:00:00%2B14:00",
    "the last hour, far west": "=9999-12-31T23:59:59-12:00",
    "the last second": "=9999-12-31T23:59:59.999999Z",
    "NUL within": "=a%00b",
    "an exponent": "=1e400",
    "no number": "=NaN",
    "NUL": "=%00",
    "a surrogate": "=%ED%A0%80",
    "100,000 letters": "=" + "a" * 100_000,
    "year 0": "=0000-01-01T00:00:00Z",
    "digits of another script": "=%D9%A1",
    "too deep": "=" + "[" * 900,
}
FIELDS = {
    "/events/": (
        "event_type", "agent_id", "system", "drifted", "start", "end", "payload_field",
        "payload_value", "authority_from", "local_to", "jump", "order", "limit", "density",
        "columns", "after", "before", "unknown",
    ),
    "/access/": ("who", "route", "address", "outcome", "at_from", "at_to", "after", "format"),
    "/drift/": ("agent_id", "min_seconds", "authority_from", "after", "before", "format"),
    "/gaps/": ("start", "end", "after", "before"),
    "/verifications/": ("after", "before", "page", "start", "end"),
    "/ceremonies/": ("before",),
    "/ceremonies/propose": ("kind", "first", "sequence"),
    "/watch/": ("page",),
    "/halt/": ("page",),
    "/": ("page",),
    "/events/find": ("q", "id", "sequence"),
    "/events/live": (
        "after", "event_type", "start", "end", "agent_id", "authority_from", "authority_to",
        "local_from", "payload_field", "order",
    ),
}  # fmt: skip


@pytest.mark.parametrize("page", FIELDS)
def test_a_hostile_address_is_answered_in_the_page(ledger: Ledger, page: str) -> None:
    ledger.write(1)
    client = sign_in()
    client.raise_request_exception = False
    for field in FIELDS[page]:
        for name, value in HOSTILE.items():
            response = client.get(f"{page}?{field}{value}")
            assert response.status_code in (200, 204, 302, 303, 400, 404), (
                page, field, name, response.status_code,
            )  # fmt: skip
            assert response.streaming or len(response.content) < 1_000_000, (page, field, name)
    assert client.get(page + "?" + "&".join(f"n{n}=1" for n in range(2000))).status_code in (
        200, 302, 400, 404,
    )  # fmt: skip
    assert client.get("/events/").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        f"after={2**63 - 1}",
        f"before={2**63 - 1}",
        f"after={2**63 - 1}&order=oldest",
        f"start={2**63 - 1}",
        f"end={2**63 - 1}",
        f"after={2**63 - 1}&agent_id=agent-7",
        f"start={2**63 - 1}&end={2**63 - 1}&drifted=true",
        "authority_from=0001-01-01&authority_to=9999-12-31",
    ],
)
def test_places_at_the_ends_are_pages(ledger: Ledger, query: str) -> None:
    ledger.write(1)
    client = sign_in()
    assert client.get(f"/events/?{query}").status_code == 200
    after = query if "after" in query else f"{query}&after=0"
    assert client.get(f"/events/live?{after}").status_code == 200


CHANGELISTS = [
    reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    for model in admin.site._registry
]


@pytest.mark.parametrize("page", CHANGELISTS)
def test_a_hostile_address_of_the_admin_is_answered(ledger: Ledger, page: str) -> None:
    ledger.write(1)
    client = superuser()
    client.raise_request_exception = False
    for value in HOSTILE.values():
        for name in ("q", "p", "o", "all", "id", "pk__exact", "sequence", "groups__id__exact"):
            response = client.get(f"{page}?{name}{value}")
            assert response.status_code in (200, 302, 400, 404), (name, value[:20])
    for name in ("q", "p", "o", "agent_id", "is_active__exact"):
        response = client.get(f"{page}?{name}=a%00b")
        assert response.status_code == 400
        assert f"<code>{name}</code>" in response.content.decode()
    assert client.get(f"{page}?a%00b=1").status_code == 400
    for key in ("a%00b", "a_00b", "9" * 40, str(2**63), "nobody", "-1"):
        for way in ("change/", "history/", "delete/", "revoke/"):
            assert client.get(f"{page}{key}/{way}").status_code < 500, (key, way)


def sent(client: Client, address: str, data: dict[str, str]) -> int:
    return client.post(address, data).status_code


def test_a_hostile_form_is_answered_in_the_page(ledger: Ledger) -> None:
    ledger.write(1)
    client = sign_in()
    client.raise_request_exception = False
    for value in (DIGITS, str(2**63), "-1", "1e9", "\0", "\ufdd0", "a" * 100_000, "٣", "NaN"):
        for form in ({"start": value}, {"end": value}, {"start": value, "end": value}):
            assert sent(client, "/verifications/start", form) < 500, (form, value[:20])
        assert sent(client, "/halt/", {"reason": "", "confirm": value}) < 500, value[:20]
        proposal = {"kind": value, "reason": value, "details": value, "first": value}
        assert sent(client, "/ceremonies/propose", proposal) < 500, value[:20]
    assert ledger.store.head().event_count == 4
