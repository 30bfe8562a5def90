"""Determines the client address of a request.

Invariant: only headers written by a trusted proxy count; anybody can send one.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

UNKNOWN = "0.0.0.0"  # noqa: S104 - nothing listens here
"""Address recorded for requests over a Unix socket."""


def client_address(request: HttpRequest) -> str:
    """Return the client address of a request.

    `PORTAL_TRUSTED_PROXIES` is the number of our proxies in front. Each appends the address it was
    called from to X-Forwarded-For, so the trusted entry is that many from the right; anything left
    of it came with the request. Without proxies the header is ignored.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    proxies: int = settings.PORTAL_TRUSTED_PROXIES
    if proxies:
        hops = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")
        if len(hops) >= proxies:
            return _checked(hops[-proxies]) or _checked(peer) or UNKNOWN
    return _checked(peer) or UNKNOWN


def network_of(address: str) -> str:
    """Return the key that limits count by: an IPv4 address, or the /64 of an IPv6 address, all of
    which one customer can choose from.
    """
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if isinstance(known, IPv6Address):
        return str(ip_network((known, 64), strict=False))
    return address


def _checked(text: str) -> str | None:
    """Return an address in its usual form; None for anything else."""
    try:
        known = ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(known, IPv6Address) and known.ipv4_mapped:
        return str(known.ipv4_mapped)
    return str(known)
