"""The limits of the portal: of requests, each a set of buckets in this process, and of signing in,
which the database counts for all processes.

They must never limit an honest writer below 5,000 requests a second, nor let strangers use up
what belongs to somebody who has a token: whoever is known is counted by who he is, and addresses
count only for those who are not.
"""

from __future__ import annotations

import time
from functools import cache

from django.conf import settings

from events.access.buckets import Buckets
from events.store import sign_ins

BURST_SECONDS = 2
"""A limit may be used up so many seconds ahead at once."""


@cache
def _per_second(kind: str, rate: float) -> Buckets:
    return Buckets(rate, rate * BURST_SECONDS, time.monotonic)


def writes() -> Buckets:
    """By token: requests that record something."""
    return _per_second("writes", settings.PORTAL_LIMIT_WRITES)


def reads() -> Buckets:
    """By token or account: requests that read."""
    return _per_second("reads", settings.PORTAL_LIMIT_READS)


def strangers() -> Buckets:
    """By address: requests with no token or with a wrong one."""
    return _per_second("strangers", settings.PORTAL_LIMIT_ADDRESS)


def take_sign_in(network: str) -> float:
    """0 and one try less of a password or a code, whoever's; or the seconds to wait for one."""
    most = settings.PORTAL_LIMIT_SIGN_IN
    return 0.0 if not most or sign_ins.take_sign_in(network, most) else 60 / most
