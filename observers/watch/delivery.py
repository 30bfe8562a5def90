"""Alerts of the watch: queues them for each configured channel in the caller's transaction, and
delivers them by e-mail or as Standard Webhooks (standardwebhooks.com), with retries.

Invariant: a webhook never follows a redirect, because the signed message is meant for one receiver.
A lost or repeated job is noticed by the next look.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import IO, Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connections
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from events.models import WatchAlert
from events.store.connection import first_line, named_errors
from events.store.locks import ALERT, try_lock
from observers.seals import holds, seal

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 10


class DeliveryError(Exception):
    """An alert was not delivered; a retry may help."""


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Returns `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def post(url: str, secret: str, message_id: str, document: Mapping[str, Any]) -> None:
    """Posts a JSON document; a 2xx answer counts as received.

    Raises:
        DeliveryError: anything else.
    """
    body, timestamp = json.dumps(document, ensure_ascii=False).encode(), int(time.time())
    request = urllib.request.Request(  # noqa: S310 - the setting takes http(s) alone
        url,
        data=body,
        method="POST",
        headers={
            "Content-Type": "application/json",
            "User-Agent": "audit-portal",
            "Webhook-Id": message_id,
            "Webhook-Timestamp": str(timestamp),
            "Webhook-Signature": sign(secret, message_id, timestamp, body),
        },
    )
    try:
        with _opener.open(request, timeout=PATIENCE_SECONDS):
            pass
    except urllib.error.HTTPError as error:
        error.close()
        raise DeliveryError(f"the receiver answered {error.code}") from None
    except OSError as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise DeliveryError(f"the receiver is not reached: {reason}") from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: Any, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler())


def _key(secret: str) -> bytes:
    """Decodes the base64 after `whsec_`, as receivers do; any other secret is used as text."""
    if secret.startswith("whsec_"):
        return base64.b64decode(secret.removeprefix("whsec_"))
    return secret.encode()


EMAIL, WEBHOOK = "email", "webhook"


def channels() -> list[str]:
    """Returns where alerts go besides log and metrics."""
    chosen = []
    if settings.PORTAL_ALERT_EMAIL_TO:
        chosen.append(EMAIL)
    if settings.PORTAL_ALERT_WEBHOOK_URL:
        chosen.append(WEBHOOK)
    return chosen


def queue_alerts(findings: Sequence[dict[str, Any]]) -> None:
    """Queues one alert for each channel about everything that one look began."""
    if findings:
        for channel in channels():
            WatchAlert.objects.create(channel=channel, findings=list(findings))


QUEUE = "watch"
ATTEMPTS = 8
"""After 3, 9, 27, … seconds: the last about an hour after the first."""

RECENT, MOST_AGAIN = timedelta(days=1), 20
"""Of which alerts it is asked whether they were sent, and how many of them a look queues again."""


def defer_waiting() -> None:
    """Queues a job for each waiting alert that has none."""
    with named_errors():
        waiting = list(WatchAlert.objects.filter(state="waiting").values_list("pk", flat=True))
    for alert_id in waiting:
        job = deliver_alert.configure(queueing_lock=f"alert-{alert_id}")
        with suppress(AlreadyEnqueued):
            job.defer(alert_id=alert_id)


def resend_forged(known: Collection[int]) -> list[int]:
    """Queues again alerts marked as sent that this portal did not send, because the application's
    role can write that mark. `known` were queued again before; returns all of them."""
    with named_errors():
        said = WatchAlert.objects.filter(state="sent", created_at__gte=timezone.now() - RECENT)
        forged = [each for each in said if not holds(each.seal, _seal_of(each))]
        for alert in [each for each in forged if each.pk not in known][:MOST_AGAIN]:
            log.critical("alert_not_sent", alert=alert.pk, channel=alert.channel)
            WatchAlert.objects.create(channel=alert.channel, findings=alert.findings)
            known = [*known, alert.pk]
    return [each.pk for each in forged if each.pk in known]


def _seal_of(alert: WatchAlert) -> str:
    return seal("alert", [alert.pk, alert.channel, alert.findings])


@app.task(
    name="deliver_alert",
    queue=QUEUE,
    pass_context=True,
    retry=RetryStrategy(
        max_attempts=ATTEMPTS, exponential_wait=3, retry_exceptions=[DeliveryError]
    ),
)
def deliver_alert(context: JobContext, alert_id: int) -> None:
    """Delivers one alert, unless it has ended or another worker is delivering it."""
    try:
        deliver(alert_id)
    finally:
        connections.close_all()


def deliver(alert_id: int) -> None:
    """Tries once. The last failed attempt ends the alert.

    Raises:
        DeliveryError: it did not arrive.
    """
    with try_lock("default", ALERT, alert_id) as alone, named_errors():
        waiting = WatchAlert.objects.filter(pk=alert_id, state="waiting")
        alert = waiting.first() if alone else None
        if alert is None:
            return
        try:
            _send(alert)
        except DeliveryError as error:
            waiting.update(attempts=F("attempts") + 1, last_error=first_line(error)[:500])
            if alert.attempts + 1 < ATTEMPTS:
                raise
            waiting.update(state="failed", ended_at=Now())
            log.error("alert_given_up", alert=alert_id, channel=alert.channel, why=str(error))
        else:
            waiting.update(
                state="sent",
                attempts=F("attempts") + 1,
                ended_at=Now(),
                last_error=None,
                seal=_seal_of(alert),
            )
            log.info("alert_sent", alert=alert_id, channel=alert.channel)


def _send(alert: WatchAlert) -> None:
    if alert.channel == EMAIL:
        _mail(alert)
        return
    document = {
        "id": f"alert_{alert.pk}",
        "created_at": alert.created_at.isoformat(),
        "findings": alert.findings,
    }
    secret = settings.PORTAL_ALERT_WEBHOOK_SECRET
    post(settings.PORTAL_ALERT_WEBHOOK_URL, secret, f"alert_{alert.pk}", document)


def _mail(alert: WatchAlert) -> None:
    count = len(alert.findings)
    lines = [
        f"- {each['text']}"
        + (f" (event {each['sequence']})" if each["sequence"] else " (NOT in the ledger)")
        for each in alert.findings
    ]
    message = EmailMessage(
        f"Audit Portal: {count} finding{'' if count == 1 else 's'} of the watch",
        "\n".join(["The watch found:", "", *lines, "", f"Alert {alert.pk}."]),
        to=settings.PORTAL_ALERT_EMAIL_TO,
    )
    try:
        message.send()
    except OSError as error:  # smtplib's errors are of this family
        raise DeliveryError(f"the mail server did not take it: {first_line(error)}") from error
