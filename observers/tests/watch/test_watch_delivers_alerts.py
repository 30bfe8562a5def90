"""Alerts are signed, retried until they arrive, and delivered once. The tests talk to this machine
only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core import mail
from pytest_django import Settings

from events.models import WatchAlert
from events.tests.support.ledger import Ledger
from observers.tests.support.pages import remove
from observers.watch.delivery import ATTEMPTS, DeliveryError, deliver
from observers.watch.watch import Watch

SECRET = "a secret of thirty-two characters"


class Receiver(BaseHTTPRequestHandler):
    """Keeps what it was sent, and answers what it was told to."""

    server: Receiving

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((dict(self.headers), body))
        self.send_response(self.server.answer)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


class Receiving(HTTPServer):
    received: list[tuple[dict[str, str], bytes]]
    answer = 204


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiving]:
    """A receiver on this machine, set up as the portal's webhook."""
    server = Receiving(("127.0.0.1", 0), Receiver)
    server.received = []
    settings.PORTAL_ALERT_WEBHOOK_URL = f"http://127.0.0.1:{server.server_port}/hook"
    settings.PORTAL_ALERT_WEBHOOK_SECRET = SECRET
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def lose_a_number(ledger: Ledger) -> WatchAlert:
    ledger.write(4)
    remove(ledger, 5)
    Watch().look()
    (alert,) = WatchAlert.objects.all()
    return alert


def test_a_receiver_can_verify_what_it_gets(ledger: Ledger, receiver: Receiving) -> None:
    alert = lose_a_number(ledger)
    deliver(alert.pk)
    ((headers, body),) = receiver.received
    signed = f"{headers['Webhook-Id']}.{headers['Webhook-Timestamp']}.".encode() + body
    digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    assert headers["Webhook-Signature"] == f"v1,{base64.b64encode(digest).decode()}"
    (finding,) = json.loads(body)["findings"]
    assert (finding["kind"], finding["place"], finding["sequence"]) == ("gap", "5-5", 8)
    deliver(alert.pk)
    assert len(receiver.received) == 1
    alert.refresh_from_db()
    assert (alert.state, alert.attempts) == ("sent", 1)


def test_an_alert_that_somebody_called_sent_is_queued_again_once(
    ledger: Ledger, receiver: Receiving
) -> None:
    alert = lose_a_number(ledger)
    with ledger.connect("portal_app") as application:
        application.execute("UPDATE watch_alerts SET state = 'sent', ended_at = now()")
    for _ in range(3):  # each a watcher that has just been started
        Watch().look()
    first, again = WatchAlert.objects.order_by("pk")
    assert (first.pk, again.state, again.findings) == (alert.pk, "waiting", alert.findings)
    deliver(again.pk)
    Watch().look()
    assert WatchAlert.objects.count() == 2
    assert len(receiver.received) == 1


@pytest.mark.parametrize("answer", [500, 302])
def test_an_undelivered_alert_is_retried_and_given_up(
    ledger: Ledger, receiver: Receiving, answer: int
) -> None:
    alert = lose_a_number(ledger)
    receiver.answer = answer
    for _ in range(ATTEMPTS - 1):
        with pytest.raises(DeliveryError, match=f"the receiver answered {answer}"):
            deliver(alert.pk)
    deliver(alert.pk)
    deliver(alert.pk)
    alert.refresh_from_db()
    assert (alert.state, len(receiver.received)) == ("failed", ATTEMPTS)
    assert alert.last_error == f"the receiver answered {answer}"


def test_without_a_receiver_the_delivery_fails(
    ledger: Ledger, receiver: Receiving, settings: Settings
) -> None:
    settings.PORTAL_ALERT_WEBHOOK_URL = "http://127.0.0.1:1/hook"
    with pytest.raises(DeliveryError, match="the receiver is not reached"):
        deliver(lose_a_number(ledger).pk)


def test_a_mail_says_what_was_found(ledger: Ledger, settings: Settings) -> None:
    settings.PORTAL_ALERT_EMAIL_TO = ["auditor@example.org"]
    deliver(lose_a_number(ledger).pk)
    (message,) = mail.outbox
    assert message.to == ["auditor@example.org"]
    assert "sequence 5 is missing (1), and no ceremony explains it (event 8)" in message.body


def test_each_alert_has_its_job_once(ledger: Ledger, receiver: Receiving) -> None:
    lose_a_number(ledger)
    Watch().look()
    jobs = "SELECT args ->> 'alert_id' FROM procrastinate_jobs WHERE task_name = 'deliver_alert'"
    assert len(ledger.query(jobs)) == 1
