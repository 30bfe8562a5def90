"""Holds callers of the API to the limits. It must never slow down one whom it lets through."""

from __future__ import annotations

import math

from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from events.access import limits
from events.access.address import client_address, network_of
from events.access.callers import name_account, name_token
from events.access.note import note_token
from events.api.problems import TOO_MANY_REQUESTS, Refused
from events.models import ApiToken


def hold_to_limit(request: Request) -> None:
    """Count this request for whoever makes it.

    Raises:
        Refused: there were too many.
    """
    token = request.auth
    if isinstance(token, ApiToken):
        note_token(request._request, token)
        name_token(request._request, token.token_key)
        buckets = limits.reads() if request.method in SAFE_METHODS else limits.writes()
        _refuse_if(buckets.take(token.token_key), "this token")
    elif request.user and request.user.is_authenticated:
        name_account(request._request, request.user.pk)
        _refuse_if(limits.reads().take(request.user.pk), "this account")
    else:
        hold_stranger(request)


def hold_stranger(request: Request) -> None:
    """Count a request without token, or with a wrong one, for its address.

    Raises:
        Refused: there were too many.
    """
    address = network_of(client_address(request._request))
    _refuse_if(limits.strangers().take(address), "this address, without a valid token,")


def _refuse_if(wait: float, who: str) -> None:
    if wait:
        seconds = math.ceil(wait)
        raise Refused(
            TOO_MANY_REQUESTS,
            f"{who} asks too often; come back in {seconds} s",
            headers={"Retry-After": str(seconds)},
        )
