"""Signs and posts one alert, in the form of Standard Webhooks (standardwebhooks.com).

It must never follow a redirect: what is signed is for one receiver.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import IO, Any

PATIENCE_SECONDS = 10


class DeliveryError(Exception):
    """An alert did not arrive; trying again may help."""


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def post(url: str, secret: str, message_id: str, document: Mapping[str, Any]) -> None:
    """Deliver a JSON document; 2xx is taken for received.

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
    """What follows `whsec_` is base64, as receivers have it; else the text itself."""
    if secret.startswith("whsec_"):
        return base64.b64decode(secret.removeprefix("whsec_"))
    return secret.encode()
