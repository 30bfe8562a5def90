"""The watch's page: its looks, what is open and closed, whom it told, and that nobody watches."""

from __future__ import annotations

import re
import socket

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from events.append.services import writer
from events.halting import halt
from events.models import WatchAlert
from events.tests.support.ledger import Ledger
from observers.pages.findings import COUNTED, severity, words
from observers.tests.api.test_api_health import samples
from observers.tests.support.pages import Reader, remove, sign_in
from observers.verification.checks import Check
from observers.watch.at_start import check_before_serving
from observers.watch.findings import Kind
from observers.watch.watch import Watch


def test_says_that_nobody_watches(ledger: Ledger) -> None:
    page = Reader(ledger, sign_in()).text("/watch/")
    assert "the watch does not run" in page
    assert "The watch has not run yet." in page


def test_shows_findings_and_alerts(ledger: Ledger, settings: Settings) -> None:
    settings.PORTAL_ALERT_EMAIL_TO = ["auditor@example.org"]
    ledger.write(6)
    reader = Reader(ledger, sign_in(staff=False))
    Watch().look()
    assert "No open findings." in reader.text("/watch/")
    remove(ledger, 6, 7)
    Watch().look()
    page = reader.text("/watch/")
    assert "the watch does not run" not in page
    assert "Numbers 6 to 7 are missing (2), and no ceremony explains them." in page
    assert '<a href="/events/6/">Number 6</a>' in page
    assert "gap 6-7" not in page
    assert 'href="/watch/"' in reader.text("/")


def test_says_since_when_every_event_was_verified_again(ledger: Ledger) -> None:
    ledger.write(4)
    reader = Reader(ledger, sign_in(staff=False))
    Watch().look()
    page = " ".join(reader.text("/watch/").split())
    assert "promised within 24 hours; now re-checking older events" in page
    with ledger.connect("postgres") as superuser:
        superuser.execute("UPDATE watch_looks SET verified_since = now() - interval '25 hours'")
    assert "late: promised within 24 hours" in reader.text("/watch/")
    found = samples()
    assert found["audit_portal_watch_promised_seconds"] == 24 * 3600
    since = found["audit_portal_watch_verified_since_timestamp_seconds"]
    assert timezone.now().timestamp() - since > 25 * 3600
    assert found["audit_portal_watch_round_end_sequence"] == 7


def test_a_tampered_event_is_a_sentence_with_its_place_on_every_page(ledger: Ledger) -> None:
    ledger.write(6)
    reader = Reader(ledger, sign_in(staff=False))
    ledger.tamper("UPDATE events SET payload = '{\"number\": 9}' WHERE sequence = 6")
    Watch().look()
    page = reader.text("/watch/")
    sentence = "Event 6 fails a check: the payload is not the one that was signed."
    assert page.count(sentence) == 2, "in the banner and in the table"
    assert '<td data-label="Severity">critical</td>' in page
    assert '<a href="/events/10/">event 10</a>' in page
    line = re.search(r'<p class="banner-line">(.*?)</p>', reader.text("/events/"), re.DOTALL)
    assert line is not None
    assert "1 altered" in line[1]
    assert 'href="/events/6/"' in line[1]


def test_findings_that_cannot_be_written_are_counted_among_the_open_ones(ledger: Ledger) -> None:
    ledger.write(6)
    remove(ledger, 6)
    halt(writer(), reason="looked into", by="olaf")
    Watch().look()
    page = Reader(ledger, sign_in(staff=False)).text("/watch/")
    assert re.search(r'<dt>Open findings</dt>\s*<dd><a href="#open">1</a></dd>', page)
    assert "1 not recorded yet" in page
    assert page.count('<td data-label="Place">') == 1
    assert "Number 6 is missing, and no ceremony explains it." in page


def test_a_finding_hidden_by_a_forged_event_is_still_counted(ledger: Ledger) -> None:
    ledger.write(6)
    remove(ledger, 6)
    Watch().look()
    with ledger.connect("postgres") as superuser:
        superuser.execute('UPDATE watch_looks SET open_findings = \'{"gap": 1, "fork": 2}\'')
    page = Reader(ledger, sign_in(staff=False)).text("/watch/")
    assert '<dd><a href="#open">3</a></dd>' in page
    assert "The last check counted 2 more than are listed" in page
    assert '<td data-label="Open findings">1 gap, 2 forks</td>' in page


KEYS = {
    "chain 3-3 payload_hash": ("Event 3 fails", "/events/3/", "critical"),
    "chain 3-9 signature": ("Each of events 3 to 9 fails", "/events/3/", "critical"),
    "chain 3-3 of_tomorrow": ("check of_tomorrow", "/events/3/", "critical"),
    "gap 4-4": ("Number 4 is missing", "/events/4/", "critical"),
    "head 9/7/abcdef": ("The events end at 7", "/events/7/", "critical"),
    "head 7/7/abcdef": ("The last event, 7, is not the one", "/events/7/", "critical"),
    "head 7/0/000000": ("The events end at 0", "/gaps/", "critical"),
    "fork 4,5": ("Events 4 and 5 link to the same", "/events/4/", "critical"),
    "rollback 9/abcdef": ("event 9 (hash abcdef…)", "/events/9/", "critical"),
    "stray 3": ("More than one event has the number 3.", "/events/3/", "critical"),
    "stray -1/a-b": ("Event a-b has the number -1", "/watch/", "critical"),
    "stray none/a-b": ("Event a-b has no number.", "/watch/", "critical"),
    "guards 0123456789abcdef": ("A guard of the database", "/#guards", "serious"),
    "round overdue": ("not verified again", "/watch/", "late"),
    "comet 4": ("Unknown kind of finding: comet 4.", "/watch/", "critical"),
    "chain": ("Unknown kind of finding: chain.", "/watch/", "critical"),
}


@pytest.mark.parametrize(("key", "said"), KEYS.items(), ids=KEYS.keys())
def test_every_kind_of_finding_has_words(key: str, said: tuple[str, str, str]) -> None:
    found = words(key)
    assert said[0] in found.sentence
    assert (found.href, severity(key)) == said[1:]


def test_every_kind_and_check_has_words_of_its_own() -> None:
    assert {key.partition(" ")[0] for key in KEYS} > {str(kind) for kind in Kind}
    assert all(check.number and check.meaning and check.failure for check in Check)
    assert COUNTED.keys() == set(Kind)


def test_strangers_and_auditors_see_no_machine(ledger: Ledger, settings: Settings) -> None:
    settings.PORTAL_PUBLIC_READING = True
    Watch().look()
    WatchAlert.objects.create(channel="email", findings=[], last_error="mx.inside:25 is away")
    machines = (f"{socket.gethostname()}:", "mx.inside", "Watcher")
    operator = Reader(ledger, sign_in()).text("/watch/")
    assert all(each in operator for each in machines)
    for client in (Client(), sign_in(staff=False, name="another")):
        page = Reader(ledger, client).text("/watch/")
        assert not any(each in page for each in machines)


def test_the_metrics_say_what_is_open(ledger: Ledger) -> None:
    ledger.write(4)
    assert not any("watch" in name for name in samples())
    remove(ledger, 5)
    Watch().look()
    found = samples()
    assert found["audit_portal_watch_open_findingsgap"] == 1
    assert found["audit_portal_watch_open_findingschain"] == 0
    assert found["audit_portal_watch_alertswaiting"] == 0
    assert found["audit_portal_watch_last_look_timestamp_seconds"] > 1.7e9


def test_a_server_that_begins_on_a_cut_ledger_halts_it(ledger: Ledger) -> None:
    events = ledger.write(3)
    check_before_serving()
    assert not ledger.store.halt().halted
    ledger.tamper("DELETE FROM events WHERE sequence = 6")
    check_before_serving()
    halt = ledger.store.halt()
    assert halt.halted
    assert events[2].content_hash in str(halt.reason)
    assert events[1].content_hash in str(halt.reason)
    assert Client().get("/readyz").status_code == 503
