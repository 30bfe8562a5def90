"""The watch's page: its looks, what is open and closed, whom it told, and that nobody watches."""

from __future__ import annotations

import socket

from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from events.models import WatchAlert
from events.tests.ledger import Ledger
from observers.tests.pages import Reader, remove, sign_in
from observers.tests.test_api_health import samples
from observers.watch.at_start import look_before_serving
from observers.watch.watch import Watch


def test_says_that_nobody_watches(ledger: Ledger) -> None:
    page = Reader(ledger, sign_in()).text("/watch/")
    assert "nobody is watching" in page
    assert "The watch has not looked yet." in page


def test_shows_findings_and_alerts(ledger: Ledger, settings: Settings) -> None:
    settings.PORTAL_ALERT_EMAIL_TO = ["auditor@example.org"]
    ledger.write(6)
    reader = Reader(ledger, sign_in(staff=False))
    Watch().look()
    assert "Nothing is open." in reader.text("/watch/")
    remove(ledger, 3, 4)
    Watch().look()
    page = reader.text("/watch/")
    assert "nobody is watching" not in page
    assert "gap 3-4" in page
    assert "3 to 4 are missing (2), and no ceremony explains it" in page
    assert 'href="/watch/"' in reader.text("/")


def test_says_since_when_every_event_was_verified_again(ledger: Ledger) -> None:
    ledger.write(4)
    reader = Reader(ledger, sign_in(staff=False))
    Watch().look()
    page = reader.text("/watch/")
    assert "promised within 24 hours; this round is at" in page
    with ledger.connect("postgres") as superuser:
        superuser.execute("UPDATE watch_looks SET verified_since = now() - interval '25 hours'")
    assert "later than promised: within 24 hours" in reader.text("/watch/")
    found = samples()
    assert found["audit_portal_watch_promised_seconds"] == 24 * 3600
    since = found["audit_portal_watch_verified_since_timestamp_seconds"]
    assert timezone.now().timestamp() - since > 25 * 3600
    assert found["audit_portal_watch_round_end_sequence"] == 4


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
    remove(ledger, 2)
    Watch().look()
    found = samples()
    assert found["audit_portal_watch_open_findingsgap"] == 1
    assert found["audit_portal_watch_open_findingschain"] == 0
    assert found["audit_portal_watch_alertswaiting"] == 0
    assert found["audit_portal_watch_last_look_timestamp_seconds"] > 1.7e9


def test_a_server_that_begins_on_a_cut_ledger_halts_it(ledger: Ledger) -> None:
    events = ledger.write(3)
    look_before_serving()
    assert not ledger.store.halt().halted
    ledger.tamper("DELETE FROM events WHERE sequence = 3")
    look_before_serving()
    halt = ledger.store.halt()
    assert halt.halted
    assert events[2].content_hash in str(halt.reason)
    assert events[1].content_hash in str(halt.reason)
    assert Client().get("/readyz").status_code == 503
