"""The second factor: who needs one, time-based codes, recovery codes, and its enforcement.

Recovery codes are shown once and stored only as digests. The middleware redirects an account that
still owes a second factor to the pages where it is shown or set up.

Invariant: a view is closed to such an account unless it is marked `@no_second_factor`.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b32encode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import structlog
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from events.access.request_context import MACHINES
from events.access.view_marks import Mark, has_mark

if TYPE_CHECKING:
    from django.contrib.auth.models import User


log = structlog.get_logger(__name__)

RECOVERY_CODES = 10
_DIGEST = 16
"""Hex digits kept of a code's digest: as many as the library's column holds."""
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_CODE = 13
"""Characters of a recovery code, 64 bits, none of which looks like another."""


def is_required(user: Any) -> bool:
    """Return True if this account needs a second factor.

    Operators and administrators do, where the setting asks for it. Admin access follows from the
    group.
    """
    return bool(settings.PORTAL_REQUIRE_SECOND_FACTOR and (user.is_staff or user.is_superuser))


def is_set_up(user: Any) -> bool:
    """Return True if the account has a second factor in use."""
    return bool(TOTPDevice.objects.filter(user_id=user.pk, confirmed=True).exists())


def is_through(user: Any) -> bool:
    """Return True if the signed-in user has completed every required step."""
    verified = getattr(user, "is_verified", None)
    if verified is not None and verified():
        return True
    return not is_required(user) and not is_set_up(user)


def begin(user: User) -> TOTPDevice:
    """Return the device being set up; it is in use only after its first correct code."""
    device, _ = TOTPDevice.objects.get_or_create(user=user, confirmed=False, name="authenticator")
    return device


def confirm(user: User, code: str) -> tuple[TOTPDevice, list[str]] | None:
    """Put the device into use, replacing the previous one; return it and new recovery codes.

    None if the code is wrong.
    """
    with transaction.atomic():
        device = begin(user)
        if not device.verify_token(code):
            return None
        TOTPDevice.objects.filter(user=user, confirmed=True).delete()
        device.confirmed = True
        device.save()
        codes = new_recovery_codes(user)
    log.info("second_factor_set_up", account=user.get_username())
    return device, codes


def new_recovery_codes(user: User) -> list[str]:
    """Create recovery codes, each valid once, and invalidate the previous ones."""
    codes = [
        "".join(secrets.choice(_ALPHABET) for _ in range(_CODE)) for _ in range(RECOVERY_CODES)
    ]
    with transaction.atomic():
        StaticDevice.objects.filter(user=user).delete()
        device = StaticDevice.objects.create(user=user, name="recovery codes")
        for code in codes:
            device.token_set.create(token=_digest(code))
    return codes


def verify(user: User, text: str) -> Any:
    """Return the device that a code or a recovery code belongs to, or None.

    Each device delays longer after each wrong code, and accepts none twice.
    """
    code = "".join(text.split()).replace("-", "").lower()
    if len(code) == 6 and code.isdigit():
        devices: list[Any] = list(TOTPDevice.objects.filter(user=user, confirmed=True))
    else:
        devices, code = list(StaticDevice.objects.filter(user=user)), _digest(code)
    found = next((device for device in devices if device.verify_token(code)), None)
    write = log.info if found else log.warning
    write("second_factor_tried", account=user.get_username(), accepted=found is not None)
    return found


def codes_left(user: User) -> int:
    """Return the number of unused recovery codes."""
    return sum(device.token_set.count() for device in StaticDevice.objects.filter(user=user))


def remove(user: User) -> None:
    """Remove the second factor and its recovery codes."""
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
    log.warning("second_factor_removed", account=user.get_username())


def _digest(code: str) -> str:
    return hashlib.sha256(b"audit-portal recovery code\n" + code.encode()).hexdigest()[:_DIGEST]


def secret_of(device: TOTPDevice) -> str:
    """Return the secret for typing into a device without camera: base32 in groups of four."""
    text = b32encode(device.bin_key).decode().rstrip("=")
    return " ".join(text[place : place + 4] for place in range(0, len(text), 4))


class SecondFactorMiddleware:
    """Redirects people who owe a second factor; machines authenticate by token alone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Return the redirect to show or set up the second factor; None if it is not owed."""
        # The API checks this itself: it treats a half signed-in session as anonymous.
        if request.path.startswith(MACHINES) or has_mark(view, Mark.NO_SECOND_FACTOR):
            return None
        user = request.user
        if not user.is_authenticated or is_through(user):
            return None
        name = "second-factor" if is_set_up(user) else "set-up-second-factor"
        onward = request.get_full_path() if request.method == "GET" else "/"
        return HttpResponseRedirect(f"{reverse(name)}?{urlencode({'next': onward})}")
