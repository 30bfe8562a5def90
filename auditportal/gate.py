"""The gate in front of everything: how many threads of a server process callers hold at once.

No stranger, and no single caller, can hold the last quarter of the threads, which is for writing
and for `/healthz`. Bodies of writers have places of their own (`events.api.throttling`). Everything
else passes here: a caller
takes a place, which is one of the threads, until the answer has been handed over; and works in one
of a few slots, so few that the threads that work do not starve those that write.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve
from structlog.contextvars import bind_contextvars

from events.access.concurrency import Places, waiting_for_body
from events.access.request_context import SHIPPERS, known_caller, request_id, stranger
from events.api.problems import BUSY, RETRY_SECONDS, Refused, respond

log = structlog.get_logger(__name__)

ALIVE = "/healthz"
PROBES = frozenset({"/readyz", "/metrics"})
WRITES = frozenset({"/api/v1/events", "/api/v1/events/batch"})
API = ("/api/", *SHIPPERS)
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

MAX_FORM = 2**14
"""Bytes of a stranger's form: a name, a password, a code."""

MAX_KNOWN_FORM = 2**16
"""Bytes of a form of somebody who is signed in: a ceremony's reason and proposal."""

SLOT_SECONDS = 10.0
"""Time to wait for a slot, from which on the portal is busy."""

SAID_SECONDS = 2.0
"""How old an answer of `PROBES` may be when it is given to another caller."""

HELD_FILE = 2**16
"""Bytes of a static file from which on whoever takes it needs a place."""

PROVEN_SECONDS = 600.0
MAX_PROVEN = 4096


class Lane:
    """Places, and slots to work in."""

    def __init__(self, places: Places, slots: int) -> None:
        self.places = places
        self._slots = threading.BoundedSemaphore(max(1, slots))

    @contextmanager
    def slot(self, patience: float | None = SLOT_SECONDS) -> Iterator[None]:
        """Work in a slot; without `patience`, however long it takes to get one.

        Raises:
            NoSlot: none became free.
        """
        if not self._slots.acquire(timeout=patience):
            raise NoSlot
        try:
            yield
        finally:
            self._slots.release()


class NoSlot(Exception):
    """All slots of a lane were taken for too long."""


class Proven:
    """Credentials that were found valid lately, by digest, and whose they are. What is not in here
    is a stranger's, until an answer says otherwise."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._callers: dict[bytes, tuple[str, float]] = {}

    def find(self, credential: bytes | None) -> str | None:
        """Whose it is."""
        caller, until = self._callers.get(credential or b"", (None, 0.0))
        return caller if self._clock() < until else None

    def keep(self, credential: bytes | None, caller: str | None) -> None:
        """What an answer has shown of it."""
        if credential is None or caller is None:
            return
        if len(self._callers) >= MAX_PROVEN:
            self._callers.clear()
        self._callers[credential] = caller, self._clock() + PROVEN_SECONDS


class Gate:
    """The lanes of a process of so many threads. Of 32, sixteen may be held here, twelve of them by
    one caller, six by strangers, four by one address, and eight by those whose token or session
    has not been looked at yet; and two more by what asks how the portal is."""

    def __init__(self, threads: int) -> None:
        everybody = Places(threads // 2, 3 * threads // 8)
        strangers = Places(3 * threads // 16, threads // 8, within=everybody)
        self.known = Lane(everybody, threads // 16)
        self.strangers = Lane(strangers, threads // 16)
        self.claimed = Lane(Places(threads // 4, threads // 4, within=everybody), threads // 16)
        self.probes = Lane(Places(threads // 16, threads // 16), threads // 16)
        self.proven = Proven()
        self.said: dict[str, tuple[float, Any]] = {}
        """What `/readyz` and `/metrics` said last, and when."""


gate = Gate(settings.PORTAL_THREADS)


class Hold:
    """One request's place."""

    def __init__(self, lane: Lane, caller: str) -> None:
        self.lane, self._caller = lane, caller
        self._lock = threading.Lock()
        self._held = lane.places.take(caller)

    @property
    def admitted(self) -> bool:
        """Whether there was a place."""
        return self._held

    def leave(self) -> None:
        """Give the place back."""
        with self._lock:
            held, self._held = self._held, False
        if held:
            self.lane.places.leave(self._caller)

    def __del__(self) -> None:
        if hasattr(self, "_held"):
            self.leave()

    def paced(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces of a stream, each made in a slot. A stream that has begun must not end for
        want of one: what is cut off could pass for whole."""
        source = iter(pieces)
        while True:
            with self.lane.slot(patience=None):
                piece = next(source, None)
            if piece is None:
                return
            yield piece


class GateMiddleware:
    """Lets a request in, or says that the portal is busy."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._files = "/" + settings.STATIC_URL.strip("/") + "/"

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        bind_contextvars(request_id=request_id(request))
        path = request.path_info
        if path == ALIVE or _writes(request):
            return self.get_response(request)
        if path.startswith(self._files):
            return self._send_file(request)
        if path in PROBES:
            return self._probe(request)
        credential = _credential(request)
        hold = _hold(request, credential)
        if not hold.admitted:
            return busy(request)
        try:
            known = hold.lane is gate.known
            answer: HttpResponseBase | None = _read_form(
                request, MAX_KNOWN_FORM if known else MAX_FORM
            )
            if answer is None:
                with hold.lane.slot():
                    answer = self.get_response(request)
                gate.proven.keep(credential, known_caller(request))
        except NoSlot:
            answer = busy(request)
        except BaseException:
            hold.leave()
            raise
        return _held(answer, hold)

    def _send_file(self, request: HttpRequest) -> HttpResponseBase:
        """A static file: most are in the kernel's buffers at once, and need no place."""
        answer = self.get_response(request)
        if not answer.streaming or int(answer.get("Content-Length") or 0) < HELD_FILE:
            return answer
        hold = _hold(request, _credential(request))
        if not hold.admitted:
            answer.close()
            return busy(request)
        return _held(answer, hold)

    def _probe(self, request: HttpRequest) -> HttpResponseBase:
        """How the portal is; where that is being found out already, what was found a moment ago. A
        flood of such questions must not make the portal look as if it were not ready."""
        hold = Hold(gate.probes, "")
        if hold.admitted:
            try:
                answer = self.get_response(request)
            finally:
                hold.leave()
            if request.method == "GET":
                gate.said[request.path_info] = time.monotonic(), answer
            return answer
        since, said = gate.said.get(request.path_info, (0.0, None))
        if said is None or time.monotonic() - since > SAID_SECONDS:
            return busy(request)
        return HttpResponse(said.content, status=said.status_code, headers=said.headers)


class _Refusals:
    """One log line for all that were refused in `PAUSE` seconds: a flood must not fill the log."""

    PAUSE = 10.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number, self._told = 0, -self.PAUSE

    def count(self) -> None:
        with self._lock:
            self._number += 1
            now = time.monotonic()
            if now - self._told < self.PAUSE:
                return
            number, self._number, self._told = self._number, 0, now
        log.warning("requests_refused_as_busy", number=number)


_refusals = _Refusals()


def _hold(request: HttpRequest, credential: bytes | None) -> Hold:
    """A place for whoever asks, if there is one."""
    caller = gate.proven.find(credential)
    if caller:
        return Hold(gate.known, caller)
    return Hold(gate.claimed if credential else gate.strangers, stranger(request))


def _held(answer: Any, hold: Hold) -> HttpResponseBase:
    """The answer, whose end gives the place back."""
    if answer.streaming:
        answer.streaming_content = hold.paced(answer.streaming_content)
    # What Django closes at the end of an answer; its types leave it out.
    answer._resource_closers.append(hold.leave)
    return answer  # type: ignore[no-any-return]


def _writes(request: HttpRequest) -> bool:
    """A request to record something; whose it is, and whether it may, is looked at at once."""
    return (
        request.method == "POST"
        and (request.path_info in WRITES or request.path_info.startswith(SHIPPERS))
        and "HTTP_AUTHORIZATION" in request.META
    )


def _credential(request: HttpRequest) -> bytes | None:
    """The digest of the token or the session that the request carries."""
    shown = request.META.get("HTTP_AUTHORIZATION") or request.COOKIES.get(
        settings.SESSION_COOKIE_NAME
    )
    return hashlib.sha256(shown.encode(errors="replace")).digest() if shown else None


def _read_form(request: HttpRequest, most: int) -> HttpResponse | None:
    """Take in the form, if a page waits for one, before a slot is taken; the refusal of one that
    is too large, or that did not arrive."""
    path = request.path_info
    if request.method in SAFE or path.startswith(API) or not _is_page(path):
        return None
    length = request.META.get("CONTENT_LENGTH") or "0"
    size = int(length) if length.isdecimal() and len(length) < 10 else most + 1
    if size > most:
        return _refuse(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, most=most)
    with waiting_for_body(str(request.META.get("REMOTE_ADDR", "")), size):
        body = request.body
    return _refuse(request, HTTPStatus.REQUEST_TIMEOUT) if len(body) < size else None


def _is_page(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True


def _refuse(request: HttpRequest, status: HTTPStatus, **context: Any) -> HttpResponse:
    """The page that says why a form was not taken; the rest of it is not read."""
    answer = render(request, f"{status.value}.html", {"plain": True, **context}, status=status)
    answer["Cache-Control"] = "no-store"
    return answer


def busy(request: HttpRequest) -> HttpResponse:
    """503: too much is asked at once, by this caller or by all together."""
    answer = _busy_answer(request)
    # Django's own mark of an answer that has its line in the log; the gate counts these.
    answer._has_been_logged = True  # type: ignore[attr-defined]
    _refusals.count()
    return answer


def _busy_answer(request: HttpRequest) -> HttpResponse:
    if request.path_info.startswith(API):
        headers = {"Retry-After": str(RETRY_SECONDS)}
        return respond(Refused(BUSY, "ask again in a moment", headers=headers), request)
    answer = HttpResponse(_busy_page(), status=HTTPStatus.SERVICE_UNAVAILABLE)
    answer["Retry-After"] = str(RETRY_SECONDS)
    answer["Cache-Control"] = "no-store"
    return answer


@cache
def _busy_page() -> str:
    """The same for everybody, and made once: it is asked for when there is no time."""
    return render_to_string("busy.html", {"plain": True})
