"""A row that is not the event of its number is never answered with, by whatever it is asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from events.tests.support import api
from events.tests.support.ledger import Ledger
from observers.continuity import check_continuity
from observers.tests.corpus.unnumbered import COPY, hidden_from, numbered
from observers.tests.support.commands import run
from observers.tests.support.pages import Reader, sign_in

FORGED = "0191d7a0-0000-7000-8000-00000000000f"

TAMPERINGS: dict[str, Callable[[Ledger], None]] = {
    "beside another of its number": lambda ledger: hidden_from(
        "events_sequence_key", COPY.format(sequence="7")
    )(ledger, []),
    "below 1": lambda ledger: ledger.tamper(*numbered("-5")),
    "right before the first": lambda ledger: ledger.tamper(*numbered("0")),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_hidden_row_is_not_found_by_its_id(ledger: Ledger, name: str) -> None:
    honest = ledger.write(9)
    TAMPERINGS[name](ledger)
    observer = api.observer()
    api.problem(observer.get(f"events/by-id/{FORGED}"), 404, "not-found")
    assert observer.get(f"events/by-id/{honest[3].event_id}").json()["sequence"] == 7
    reader = Reader(ledger, sign_in(staff=False))
    assert reader.client.get(f"/events/by-id/{FORGED}/").status_code == 404
    assert reader.client.get("/").status_code == 200
    assert reader.client.get("/events/").status_code == 200
    assert run("verify_ledger", "--workers", "1").code == 1
    assert run("verify_ledger", "--workers", "1", "--record").code == 1


def test_continuity_names_rows_outside_the_sequence(ledger: Ledger) -> None:
    ledger.write(9)
    assert check_continuity("default").is_sound
    ledger.tamper(*numbered("-5"))
    ran = run("check_continuity")
    assert ran.code == 1
    assert f"event {FORGED} has the number -5; the first is 1" in ran.text
    answer = api.observer().get("continuity").json()
    assert answer["strays"] == [{"sequence": -5, "reason": "below_one"}]
    assert (answer["stray_count"], answer["is_continuous"]) == (1, True)


def test_an_empty_ledger_with_a_row_below_one_is_not_sound(ledger: Ledger) -> None:
    ledger.write(7)
    ledger.tamper(*numbered("0"), "DELETE FROM events WHERE sequence > 0", "DELETE FROM appends")
    assert run("verify_ledger", "--workers", "1").code == 1
    assert run("check_continuity").code == 1
