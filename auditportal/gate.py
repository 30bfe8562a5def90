"""Limits how many threads of a server process callers hold at once.

The last quarter of the threads is reserved for writing and for `/healthz`: neither strangers nor a
single caller can take it. Bodies of writers are limited in `events.api.throttling`. Every other
request takes a place (one of the threads) until its response has been sent, and works in one of a
few slots, so that writers are not starved of processor time.
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
"""Bytes of a signed-in person's form: the reason and proposal of a ceremony."""

SLOT_SECONDS = 10.0
"""Seconds to wait for a slot before the portal responds that it is busy."""

SAID_SECONDS = 2.0
"""Maximum age of a cached answer of `PROBES`."""

HELD_FILE = 2**16
"""Bytes from which a static file needs a place."""

PROVEN_SECONDS = 600.0
MAX_PROVEN = 4096


class Lane:
    """A number of places, and slots to work in."""

    def __init__(self, places: Places, slots: int) -> None:
        self.places = places
        self._slots = threading.BoundedSemaphore(max(1, slots))

    @contextmanager
    def slot(self, patience: float | None = SLOT_SECONDS) -> Iterator[None]:
        """Work in a slot; `patience=None` waits without limit.

        Raises:
            NoSlot: no slot became free in time.
        """
        if not self._slots.acquire(timeout=patience):
            raise NoSlot
        try:
            yield
        finally:
            self._slots.release()


class NoSlot(Exception):
    """No slot of a lane became free in time."""


class Proven:
    """A cache of recently validated credentials, by digest, with their callers. Others count as
    strangers until a response shows otherwise."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._callers: dict[bytes, tuple[str, float]] = {}

    def find(self, credential: bytes | None) -> str | None:
        """The caller of a credential, or None."""
        caller, until = self._callers.get(credential or b"", (None, 0.0))
        return caller if self._clock() < until else None

    def keep(self, credential: bytes | None, caller: str | None) -> None:
        """Remember the caller that a response has shown for a credential."""
        if credential is None or caller is None:
            return
        if len(self._callers) >= MAX_PROVEN:
            self._callers.clear()
        self._callers[credential] = caller, self._clock() + PROVEN_SECONDS


class Gate:
    """The lanes of a process. Of 32 threads, 16 may be held here: 12 by one caller, 6 by strangers,
    4 by one address, 8 by credentials not validated yet; and 2 more by probes."""

    def __init__(self, threads: int) -> None:
        everybody = Places(threads // 2, 3 * threads // 8)
        strangers = Places(3 * threads // 16, threads // 8, within=everybody)
        self.known = Lane(everybody, threads // 16)
        self.strangers = Lane(strangers, threads // 16)
        self.claimed = Lane(Places(threads // 4, threads // 4, within=everybody), threads // 16)
        self.probes = Lane(Places(threads // 16, threads // 16), threads // 16)
        self.proven = Proven()
        self.said: dict[str, tuple[float, Any]] = {}
        """The last answers of `/readyz` and `/metrics`, with their times."""


gate = Gate(settings.PORTAL_THREADS)


class Hold:
    """The place of one request."""

    def __init__(self, lane: Lane, caller: str) -> None:
        self.lane, self._caller = lane, caller
        self._lock = threading.Lock()
        self._held = lane.places.take(caller)

    @property
    def admitted(self) -> bool:
        """True if there was a place."""
        return self._held

    def leave(self) -> None:
        """Release the place."""
        with self._lock:
            held, self._held = self._held, False
        if held:
            self.lane.places.leave(self._caller)

    def __del__(self) -> None:
        if hasattr(self, "_held"):
            self.leave()

    def paced(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces of a stream, each produced in a slot. A stream that has begun waits without
        limit: a truncated one could pass for complete."""
        source = iter(pieces)
        while True:
            with self.lane.slot(patience=None):
                piece = next(source, None)
            if piece is None:
                return
            yield piece


class GateMiddleware:
    """Admits a request, or responds that the portal is busy."""

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
        """Serve a static file. Small ones fit into the kernel's buffers and need no place."""
        answer = self.get_response(request)
        if not answer.streaming or int(answer.get("Content-Length") or 0) < HELD_FILE:
            return answer
        hold = _hold(request, _credential(request))
        if not hold.admitted:
            answer.close()
            return busy(request)
        return _held(answer, hold)

    def _probe(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a probe, from a short cache while another one is being answered, so that a flood
        of probes does not make the portal look unready."""
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
    """Logs refusals as one line per `PAUSE` seconds, so that a flood does not fill the log."""

    PAUSE = 10.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number, self._logged_at = 0, -self.PAUSE

    def count(self) -> None:
        with self._lock:
            self._number += 1
            now = time.monotonic()
            if now - self._logged_at < self.PAUSE:
                return
            number, self._number, self._logged_at = self._number, 0, now
        log.warning("requests_refused_as_busy", number=number)


_refusals = _Refusals()


def _hold(request: HttpRequest, credential: bytes | None) -> Hold:
    """Take a place in the caller's lane."""
    caller = gate.proven.find(credential)
    if caller:
        return Hold(gate.known, caller)
    return Hold(gate.claimed if credential else gate.strangers, stranger(request))


def _held(answer: Any, hold: Hold) -> HttpResponseBase:
    """The response, which releases the place when closed."""
    if answer.streaming:
        answer.streaming_content = hold.paced(answer.streaming_content)
    # Django calls these when it closes the response; its types omit them.
    answer._resource_closers.append(hold.leave)
    return answer  # type: ignore[no-any-return]


def _writes(request: HttpRequest) -> bool:
    """True for requests that record events; authentication follows in the view."""
    return (
        request.method == "POST"
        and (request.path_info in WRITES or request.path_info.startswith(SHIPPERS))
        and "HTTP_AUTHORIZATION" in request.META
    )


def _credential(request: HttpRequest) -> bytes | None:
    """The digest of the token or session cookie of the request."""
    shown = request.META.get("HTTP_AUTHORIZATION") or request.COOKIES.get(
        settings.SESSION_COOKIE_NAME
    )
    return hashlib.sha256(shown.encode(errors="replace")).digest() if shown else None


def _read_form(request: HttpRequest, most: int) -> HttpResponse | None:
    """Read the form of a page before a slot is taken; a refusal if it is too large or
    incomplete."""
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
    """The page that says why a form was not accepted; the rest of the body is not read."""
    answer = render(request, f"{status.value}.html", {"plain": True, **context}, status=status)
    answer["Cache-Control"] = "no-store"
    return answer


def busy(request: HttpRequest) -> HttpResponse:
    """503: too many requests, by this caller or in total."""
    answer = _busy_answer(request)
    # Django does not log a response with this mark; the gate counts refusals itself.
    answer._has_been_logged = True  # type: ignore[attr-defined]
    _refusals.count()
    return answer


def _busy_answer(request: HttpRequest) -> HttpResponse:
    if request.path_info.startswith(API):
        headers = {"Retry-After": str(RETRY_SECONDS)}
        return respond(Refused(BUSY, "try again in a moment", headers=headers), request)
    answer = HttpResponse(_busy_page(), status=HTTPStatus.SERVICE_UNAVAILABLE)
    answer["Retry-After"] = str(RETRY_SECONDS)
    answer["Cache-Control"] = "no-store"
    return answer


@cache
def _busy_page() -> str:
    """The page for everybody, rendered once, since it is needed under load."""
    return render_to_string("busy.html", {"plain": True})
