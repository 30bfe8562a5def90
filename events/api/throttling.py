"""Limits API requests: rates for each caller, and concurrent request bodies for each process.

Each body holds a server thread until it has arrived and been parsed; a request waits briefly for a
slot.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from events.access import limits
from events.access.client_address import client_address, network_of
from events.access.concurrency import Places
from events.access.request_context import name_account, name_token, note_token
from events.api.problems import BUSY, RETRY_SECONDS, TOO_MANY_REQUESTS, Refused
from events.models import ApiToken


def hold_to_limit(request: Request) -> None:
    """Count this request against its caller's limit.

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
    """Count a request with a missing or wrong token against its address.

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
            f"{who} sends too many requests; try again in {seconds} s",
            headers={"Retry-After": str(seconds)},
        )


PATIENCE_SECONDS = 1.0

MEMORY_MIB = 64
"""Mebibytes of bodies that a process reads and parses at once, half of them of one agent: as much
as its largest batch."""

UNCOUNTED = 2**16
"""Bodies up to this many bytes are not counted and never wait for a large one."""


class Memory:
    """The share of the memory for bodies that one body holds."""

    def __init__(self, places: Places, agent_id: str | None, patience: float) -> None:
        self._places, self._agent_id, self._patience = places, agent_id, patience
        self._held = 0

    def require(self, size: int) -> None:
        """Reserve memory for `size` bytes in all.

        Raises:
            Refused: other bodies hold it.
        """
        more = (0 if size <= UNCOUNTED else -(-size // 2**20)) - self._held
        if more <= 0:
            return
        if not self._places.take(self._agent_id, self._patience, count=more):
            raise Refused(
                BUSY,
                "the memory for large bodies is in use; send it again, or in smaller batches",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )
        self._held += more

    def leave(self) -> None:
        """Release the memory."""
        if self._held:
            self._places.leave(self._agent_id, count=self._held)
            self._held = 0


class Arrivals:
    """Slots for `most` concurrent bodies.

    One agent gets half of them at most; an agent without a slot gets one as long as any is free.
    """

    def __init__(self, most: int, patience: float = PATIENCE_SECONDS, waiters: int = 0) -> None:
        self._places, self._patience = Places(most, waiters=waiters), patience
        self._memory = Places(MEMORY_MIB, MEMORY_MIB // 2)

    @contextmanager
    def place(self, agent_id: str | None, size: int) -> Iterator[Memory]:
        """Hold a slot, and memory for a body of up to `size` bytes, while it is read and parsed.

        Raises:
            Refused: the slots are held by bodies that do not arrive, or the memory by others.
        """
        memory = Memory(self._memory, agent_id, self._patience)
        try:
            memory.require(size)
            if not self._places.take(agent_id, self._patience):
                raise self._refusal(agent_id)
            try:
                yield memory
            finally:
                self._places.leave(agent_id)
        finally:
            memory.leave()

    def _refusal(self, agent_id: str | None) -> Refused:
        headers = {"Retry-After": str(RETRY_SECONDS)}
        own = self._places.held_by(agent_id)
        if own:
            bodies = "body" if own == 1 else "bodies"
            why = f"{own} {bodies} of this agent are still arriving"
            return Refused(TOO_MANY_REQUESTS, why, headers=headers)
        return Refused(BUSY, "too many bodies are arriving; send it again", headers=headers)


arrivals = Arrivals(3 * settings.PORTAL_THREADS // 4, waiters=settings.PORTAL_THREADS // 8)
"""Three eighths of the threads for one agent alone, as many as the gate gives to one caller
(`auditportal.gate`): a quarter is left when it holds all of both."""
