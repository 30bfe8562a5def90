"""The reader's own browser checks an event: it agrees with an honest server, and is loud with
another. Whatever it cannot do it says, check by check."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from events.append.services import writer
from events.format import event
from events.registrar import registrar
from events.tests.support.ceremonies import document_gap, forge, hold
from events.tests.support.ledger import Ledger, submission
from observers.tests.browser.conftest import Window
from observers.tests.support import forgery
from observers.tests.support.pages import remove
from observers.verification.checks import Check

BY_SERVER_ALONE = (Check.RECORDS, Check.KEY_HISTORY)
EVERY = [check.value for check in Check if check not in BY_SERVER_ALONE]
"""The checks that a browser makes: only the server has the records and keys beside the events."""
INTEGERS = {"Keywords": -9223372036854775808, "Mask": 18446744073709551615, "Id": 9007199254740993}


def check_in_browser(window: Window, sequence: int) -> dict[str, str]:
    """Press the button on an event's page; the browser's verdicts by check."""
    window.open(f"/events/{sequence}/")
    window.page.click("#verify-button")
    expect(window.page.locator("#verify-button")).to_have_text("Check again")
    return verdicts(window.page, "td.yours")


def verdicts(page: Page, cell: str) -> dict[str, str]:
    """The verdicts of a column, by check."""
    rows = page.locator("#verdicts [data-check]")
    return {
        str(row.get_attribute("data-check")): row.locator(f"{cell} .state").inner_text()
        for row in rows.all()
        if row.locator(f"{cell} .state").count()
    }


def by_server(page: Page) -> dict[str, str]:
    """The server's verdicts."""
    found = verdicts(page, "td:not(.yours)")
    for check in BY_SERVER_ALONE:
        assert found.pop(check.value) in ("passed", "not made")
    return found


def outcome(window: Window) -> str:
    """Returns the page's conclusion."""
    return window.page.inner_text("#verify-outcome")


@pytest.fixture
def signed_in(window: Window) -> Window:
    """A member of staff."""
    window.sign_in()
    return window


def test_a_sound_event_passes_every_check(ledger: Ledger, signed_in: Window) -> None:
    ledger.write(2)
    found = check_in_browser(signed_in, 5)
    assert found == dict.fromkeys(EVERY, "passed") == by_server(signed_in.page)
    assert "Your browser found nothing wrong. 11 passed." in outcome(signed_in)
    assert signed_in.complaints == []


def test_only_the_last_event_can_be_compared_with_the_head(
    ledger: Ledger, signed_in: Window
) -> None:
    ledger.write(3)
    found = check_in_browser(signed_in, 4)
    assert found == dict.fromkeys(EVERY, "passed") | {"head": "not made"}
    assert "10 passed, 1 could not be made" in outcome(signed_in)


def test_64_bit_integers_are_shown_and_verified_exactly(ledger: Ledger, signed_in: Window) -> None:
    stored = writer().write_event(submission(INTEGERS)).event
    assert check_in_browser(signed_in, 4)["payload_hash"] == "passed"
    tree = signed_in.page.inner_text("#tree")
    for number in INTEGERS.values():
        assert str(number) in tree
    row = signed_in.page.locator('[data-check="payload_hash"] td.yours')
    assert row.locator("dd").all_inner_texts()[:2] == [stored.payload_hash] * 2


def test_nothing_is_said_before_the_click(ledger: Ledger, signed_in: Window) -> None:
    ledger.write(1)
    asked: list[str] = []
    signed_in.page.on("request", lambda request: asked.append(request.url))
    signed_in.open("/events/4/")
    expect(signed_in.page.locator("#verify-button")).to_be_visible()
    assert signed_in.page.locator("td.yours:visible").count() == 0
    assert not [url for url in asked if "/api/" in url]


def test_a_changed_payload_fails_payload_hash_on_both_sides(
    ledger: Ledger, signed_in: Window
) -> None:
    ledger.write(2)
    ledger.tamper("UPDATE events SET payload = '{\"number\": 7}' WHERE sequence = 5")
    found = check_in_browser(signed_in, 5)
    expected = dict.fromkeys(EVERY, "passed") | {"payload_hash": "failed"}
    assert found == expected == by_server(signed_in.page)
    assert "Your browser found wrong: payload_hash." in outcome(signed_in)
    assert "disagree" not in outcome(signed_in)


def test_a_64_bit_integer_changed_by_one_is_found(ledger: Ledger, signed_in: Window) -> None:
    writer().write_event(submission({"n": 9007199254740993}))
    ledger.tamper("UPDATE events SET payload = '{\"n\": 9007199254740992}' WHERE sequence = 4")
    assert check_in_browser(signed_in, 4)["payload_hash"] == "failed"


def test_a_rewritten_event_fails_its_signatures_on_both_sides(
    ledger: Ledger, signed_in: Window
) -> None:
    last = ledger.write(2)[1]
    with ledger.tampering() as superuser:
        edited = replace(last, payload='{"number":7}')
        forgery.overwrite(superuser, forgery.rehash(edited, edited.prev_hash))
    found = check_in_browser(signed_in, 5)
    failed = {"signature": "failed", "witness_signature": "failed", "head": "failed"}
    assert found == dict.fromkeys(EVERY, "passed") | failed == by_server(signed_in.page)


@pytest.mark.parametrize(
    ("column", "value", "failed"),
    [
        ("payload_salt", "repeat('ab', 32)", {"payload_hash"}),
        ("payload_hash", "'no hash'", {"format", "payload_hash", "content_hash"}),
        ("prev_hash", "repeat('ab', 32)", {"prev_hash", "content_hash"}),
        ("agent_id", "'agent-8'", {"content_hash", "signing_key"}),
        ("signing_key_id", "'nobody'", {"content_hash", "signing_key"}),
        ("witness_id", "'WITNESS:nobody'", {"content_hash", "witness"}),
        ("hash_alg_version", "2", {"content_hash", "format"}),
        ("signature", "'AAAA'", {"signature", "witness_signature"}),
        ("witness_signature", "signature", {"witness_signature"}),
    ],
)
def test_browser_and_server_name_the_same_checks(
    ledger: Ledger, signed_in: Window, column: str, value: str, failed: set[str]
) -> None:
    ledger.write(2)
    ledger.tamper(
        f"ALTER TABLE events DROP CONSTRAINT IF EXISTS events_{column}_fkey,"
        f" DROP CONSTRAINT IF EXISTS events_{column}_check",
        f"UPDATE events SET {column} = {value} WHERE sequence = 5",
    )
    found = check_in_browser(signed_in, 5)
    assert found == by_server(signed_in.page)
    assert failed <= {name for name, state in found.items() if state == "failed"}
    assert "disagree" not in outcome(signed_in)


def test_a_key_is_valid_at_its_place(ledger: Ledger, signed_in: Window) -> None:
    ledger.write(1)
    registrar().rotate_key("agent-7")
    ledger.write(1)
    for sequence in (4, 6):
        assert check_in_browser(signed_in, sequence)["signing_key"] == "passed"
    ledger.tamper("UPDATE agent_keys SET until_sequence = 3 WHERE until_sequence = 5")
    found = check_in_browser(signed_in, 4)
    assert found["signing_key"] == "failed" == by_server(signed_in.page)["signing_key"]
    assert found["signature"] == "passed"


def test_a_missing_predecessor_is_a_gap_and_leaves_nothing_to_compare_with(
    ledger: Ledger, signed_in: Window
) -> None:
    ledger.write(3)
    remove(ledger, 5)
    found = check_in_browser(signed_in, 6)
    expected = dict.fromkeys(EVERY, "passed") | {"gap": "failed", "prev_hash": "not made"}
    assert found == expected == by_server(signed_in.page)
    # The 404 of the event before is an answer, but the browser notes it on the console.
    assert all("404" in complaint for complaint in signed_in.complaints)


def test_an_explained_gap_before_it_is_not_called_wrong(ledger: Ledger, signed_in: Window) -> None:
    ledger.write(3)
    remove(ledger, 5)
    explained_by = document_gap(ledger, 5, 5).sequence
    found = check_in_browser(signed_in, 6)
    assert (found["gap"], found["prev_hash"]) == ("not made", "not made")
    told = signed_in.page.inner_text('[data-check="gap"] td.yours')
    assert f"event {explained_by} explains it: check that event" in told
    assert "disagree" not in outcome(signed_in)


def test_an_erased_payload_is_not_called_wrong_and_its_ceremony_verifies(
    ledger: Ledger, signed_in: Window
) -> None:
    secret = ledger.write(2)[0]
    details = {
        "sequence": secret.sequence,
        "event_id": secret.event_id,
        "payload_hash": secret.payload_hash,
    }
    ceremony = hold(ledger, "erase_payload", details)
    expected = dict.fromkeys(EVERY, "passed") | {"payload_hash": "not made", "head": "not made"}
    assert check_in_browser(signed_in, 4) == expected
    told = signed_in.page.inner_text('[data-check="payload_hash"] td.yours')
    assert f"event {ceremony.sequence}, which names exactly this one" in told
    assert check_in_browser(signed_in, ceremony.sequence) == dict.fromkeys(EVERY, "passed")
    told = signed_in.page.inner_text('[data-check="ceremony"] td.yours')
    assert all(name in told for name in ("Ada", "Bela", "Cleo"))


def test_an_erasure_mark_that_says_more_is_wrong_on_both_sides(
    ledger: Ledger, signed_in: Window
) -> None:
    secret = ledger.write(2)[0]
    details = {
        "sequence": secret.sequence,
        "event_id": secret.event_id,
        "payload_hash": secret.payload_hash,
    }
    hold(ledger, "erase_payload", details)
    for path in ("{note}", "{erased,note}"):
        ledger.tamper(
            f"UPDATE events SET payload = jsonb_set(payload, '{path}', '1') WHERE sequence = 4"
        )
        assert check_in_browser(signed_in, 4)["payload_hash"] == "failed"
        assert by_server(signed_in.page)["payload_hash"] == "failed"
        ledger.tamper(f"UPDATE events SET payload = payload #- '{path}' WHERE sequence = 4")


def test_a_payload_changed_before_it_was_erased_is_reported(
    ledger: Ledger, signed_in: Window
) -> None:
    secret = ledger.write(2)[0]
    ledger.tamper("UPDATE events SET payload = '{}' WHERE sequence = 4")
    details = {
        "sequence": secret.sequence,
        "event_id": secret.event_id,
        "payload_hash": secret.payload_hash,
        "payload_matched": False,
    }
    ceremony = hold(ledger, "erase_payload", details)
    assert check_in_browser(signed_in, 4)["payload_hash"] == "not made"
    told = signed_in.page.inner_text('[data-check="payload_hash"] td.yours')
    assert f"event {ceremony.sequence}, which names exactly this one" in told
    assert "It says that the payload had been changed before." in told
    assert check_in_browser(signed_in, ceremony.sequence)["ceremony"] == "passed"


def test_a_ceremony_of_forged_signatures_fails_on_both_sides(
    ledger: Ledger, signed_in: Window
) -> None:
    held = hold(ledger, "drift_threshold", {"seconds": "7.5"})
    payload = json.loads(held.payload)
    payload["proposal"]["reason"] = "another"
    forged = forge(ledger, payload, "ceremony.drift_threshold")
    found = check_in_browser(signed_in, forged.sequence)
    assert found == dict.fromkeys(EVERY, "passed") | {"ceremony": "failed"}
    assert by_server(signed_in.page)["ceremony"] == "failed"


def test_an_event_that_the_api_cannot_give_out_fails_payload_hash(
    ledger: Ledger, signed_in: Window
) -> None:
    ledger.write(1)
    ledger.tamper("""UPDATE events SET payload = '{"n": 1e400}' WHERE sequence = 4""")
    found = check_in_browser(signed_in, 4)
    assert found == dict.fromkeys(EVERY, "not made") | {"payload_hash": "failed"}
    assert by_server(signed_in.page)["payload_hash"] == "failed"
    assert "canonical" in signed_in.page.inner_text('[data-check="payload_hash"] td.yours')


def answer_with(window: Window, address: str, change: dict[str, Any]) -> None:
    """Let the API answer with another event than the server verified."""

    def lie(route: Route) -> None:
        told = route.fetch().json()
        route.fulfill(json=told | change)

    window.page.route(f"**{address}", lie)


def test_a_disagreement_with_the_server_is_loud(ledger: Ledger, signed_in: Window) -> None:
    ledger.write(2)
    answer_with(signed_in, "/api/v1/events/5", {"payload": {"number": 7}})
    assert check_in_browser(signed_in, 5)["payload_hash"] == "failed"
    alarm = signed_in.page.locator("#verify-outcome [role=alert]")
    told = " ".join(alarm.all_inner_texts())
    assert "The server and your browser disagree on payload_hash." in told
    assert "This page differs from the API in: payload." in told
    assert signed_in.page.locator('tr.disagree[data-check="payload_hash"]').count() == 1


def test_a_page_that_shows_another_event_than_it_verifies_is_reported(
    ledger: Ledger, signed_in: Window
) -> None:
    """Sound in itself, but not what the reader looks at."""
    first = ledger.write(2)[0]
    told = json.loads(event.event_json(first))
    answer_with(signed_in, "/api/v1/events/5", told)
    found = check_in_browser(signed_in, 5)
    assert found["gap"] == "failed"
    assert "another event came than was asked for" in signed_in.page.inner_text("#verdicts")
    assert "This page differs from the API in" in outcome(signed_in)


def test_without_ed25519_the_hashes_are_still_checked(ledger: Ledger, signed_in: Window) -> None:
    ledger.write(1)
    signed_in.page.add_init_script(
        "crypto.subtle.importKey = () => "
        "Promise.reject(new DOMException('unknown algorithm', 'NotSupportedError'))"
    )
    found = check_in_browser(signed_in, 4)
    unmade = {"signature": "not made", "witness_signature": "not made"}
    assert found == dict.fromkeys(EVERY, "passed") | unmade
    assert signed_in.page.get_by_text("This browser has no Ed25519.").count() == 2
    assert "disagree" not in outcome(signed_in)


def test_without_https_it_says_that_it_needs_https(ledger: Ledger, signed_in: Window) -> None:
    ledger.write(1)
    signed_in.page.add_init_script("Object.defineProperty(crypto, 'subtle', {value: undefined})")
    found = check_in_browser(signed_in, 4)
    cryptographic = ("payload_hash", "content_hash", "signature", "witness_signature")
    assert {name for name, state in found.items() if state == "not made"} == set(cryptographic)
    assert signed_in.page.get_by_text("over HTTPS").count() == len(cryptographic)


def test_an_ended_session_is_reported(ledger: Ledger, signed_in: Window) -> None:
    ledger.write(1)
    signed_in.open("/events/4/")
    signed_in.page.context.clear_cookies()
    signed_in.page.click("#verify-button")
    expect(signed_in.page.locator("#verify-button")).to_have_text("Check again")
    assert "The check could not be made" in outcome(signed_in)
    assert "401" in outcome(signed_in)
