"""A page whose address was made to do harm says what is wrong with it, and never breaks."""

from __future__ import annotations

import pytest
from django.test import Client

from events.tests.ledger import Ledger
from observers.tests.pages import sign_in

DIGITS = "9" * 5000
HOSTILE = {
    "a number of 5,000 digits": f"={DIGITS}",
    "beyond bigint": f"={2**63}",
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
    "/verifications/": ("after", "before", "page"),
    "/events/find": ("q", "id", "sequence"),
    "/events/live": ("after", "event_type", "start"),
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
    assert ledger.store.head().event_count == 1
