"""The HTTP API keeps to its own OpenAPI description, whatever is sent to it, and never answers 500.

schemathesis makes the requests from `/api/schema`: every boundary of every parameter, valid and
invalid values, and chains in which one answer feeds the next request. They are sent to the
application in this process, over a ledger with everything that a ledger can have in it; nothing
leaves the process and no example is saved.

`make fuzz EXAMPLES=…` runs it for longer, from another seed each time.
"""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections
from pytest_django import Settings
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events as engine_events
from schemathesis.engine import from_schema

from events.append.services import writer
from events.tests.support import api
from events.tests.support.ceremonies import document_gap, hold
from events.tests.support.ledger import Ledger, submission
from observers.tests.support.commands import findings
from observers.tests.support.pages import remove, sign_in

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
"""Examples an operation; 0: a few, from a fixed seed."""

FEW = 4
REFUSED = ["400", "401", "403", "404", "405", "406", "409", "411", "413", "415"]

UNSOUND = {
    # Between parameters there are rules (`end` not below `start`) that OpenAPI cannot say.
    "positive_data_acceptance": {"enabled": False},
    # It changes the credentials, which the door brings; those without valid ones come below.
    "ignored_auth": {"enabled": False},
}


@dataclass
class Door:
    """The application, to which everybody comes with the same credentials; counts what it
    answered, and leaves no connection to a thread that ends."""

    credentials: dict[str, str]
    statuses: Counter[int] = field(default_factory=Counter)
    django: WSGIHandler = field(default_factory=WSGIHandler)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        response: Any = self.django(environ | self.credentials, start_response)
        try:
            return [b"".join(response)]
        finally:
            self.statuses[response.status_code] += 1
            response.close()
            connections.close_all()


@dataclass
class Run:
    """The results of one caller's requests."""

    statuses: Counter[int]
    failures: list[str]

    @property
    def calls(self) -> int:
        return self.statuses.total()


@pytest.fixture
def eventful(ledger: Ledger, settings: Settings) -> Ledger:
    """Two agents, a gap with and one without a ceremony, a drifted event, an erased payload."""
    settings.PORTAL_LIMIT_READS = settings.PORTAL_LIMIT_WRITES = settings.PORTAL_LIMIT_ADDRESS = 0
    ledger.write(6)
    personal = writer().write_event(submission({"note": "personal"})).event
    ledger.write(3, agent_id="agent-8")
    writer().write_event(submission(local_timestamp=datetime(1970, 1, 1, tzinfo=UTC)))
    remove(ledger, 6, 7)
    document_gap(ledger, 6, 7)
    named = {
        "sequence": personal.sequence,
        "event_id": personal.event_id,
        "payload_hash": personal.payload_hash,
    }
    hold(ledger, "erase_payload", named)
    ledger.write(2)
    remove(ledger, 12)
    return ledger


def bearer(*options: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {api.issue(*options)}"}


def session() -> dict[str, str]:
    name = settings.SESSION_COOKIE_NAME
    return {"HTTP_COOKIE": f"{name}={sign_in().cookies[name].value}"}


CALLERS: dict[str, Callable[[], dict[str, str]]] = {
    "an agent that reads everything": lambda: bearer("--agent", "agent-7", "--reads", "all"),
    "an agent that reads its own": lambda: bearer("--agent", "agent-7"),
    "an observer": lambda: bearer("--observer"),
    "an account": session,
    "nobody": dict,
    "a wrong token": lambda: {"HTTP_AUTHORIZATION": "Bearer " + "0" * 64},
}
THOROUGH = {"an agent that reads everything"}
"""The caller that tries every boundary value even in a short run."""


def fuzz(credentials: dict[str, str], *, thorough: bool, answers: Iterable[str] = ()) -> Run:
    """Send what schemathesis thinks of; `answers` are statuses that are right here besides."""
    door = Door(credentials)
    config = SchemathesisConfig.from_dict(
        {
            "seed": random.getrandbits(64) if EXAMPLES else 1,
            "generation": {
                "max-examples": EXAMPLES or FEW,
                "database": "none",
                "with-security-parameters": False,
            },
            "phases": {
                "coverage": {"enabled": thorough},
                "stateful": {"enabled": thorough},
            },
            "checks": {
                "not_a_server_error": {"expected-statuses": ["2xx", "4xx", *answers]},
                "negative_data_rejection": {"expected-statuses": [*REFUSED, *answers]},
                **UNSOUND,
            },
        }
    )
    schema = schemathesis.openapi.from_wsgi("/api/schema", door, config=config)
    failures = [told for event in from_schema(schema).execute() for told in _failures(event)]
    return Run(door.statuses, failures)


def _failures(event: Any) -> Iterable[str]:
    """Describes the failure that an event of the run reports."""
    if isinstance(event, engine_events.NonFatalError):
        yield f"{event.label}: {event.value}"
    if isinstance(event, engine_events.FatalError):
        yield str(event.exception)
    if isinstance(event, engine_events.ScenarioFinished):
        for name, checks in event.recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    sent = event.recorder.interactions.get(name)
                    asked = f"{sent.request.method} {sent.request.uri}" if sent else event.label
                    yield f"{asked}: {check.name}: {check.failure_info.failure.message}"


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str, Run], None]:
    """Says on the terminal what a long run came to."""

    def say(who: str, run: Run) -> None:
        if EXAMPLES:
            statuses = ", ".join(f"{status}: {n}" for status, n in sorted(run.statuses.items()))
            with capsys.disabled():
                sys.stdout.write(
                    f"\n{who}: {run.calls:,} calls, {len(run.failures)} failures ({statuses})\n"
                )

    return say


@pytest.mark.timeout(300 + 20 * EXAMPLES)
@pytest.mark.parametrize("caller", CALLERS)
def test_the_api_keeps_to_its_description(
    eventful: Ledger, caller: str, tell: Callable[[str, Run], None]
) -> None:
    before = eventful.store.head().event_count
    run = fuzz(CALLERS[caller](), thorough=bool(EXAMPLES) or caller in THOROUGH)
    tell(caller, run)
    assert run.failures == []
    assert run.calls > 20
    ok = {status for status in run.statuses if status < 300}
    if caller in ("nobody", "a wrong token"):
        assert run.statuses.pop(200) == 1  # the description itself
        assert set(run.statuses) <= {401, 404, 405, 415}
    else:
        assert 200 in ok
    if "agent" not in caller:
        assert 201 not in ok
        assert eventful.store.head().event_count == before
    assert findings() == [(12, "gap")]


@pytest.mark.timeout(300 + 20 * EXAMPLES)
def test_the_api_keeps_to_its_description_when_halted(
    eventful: Ledger, tell: Callable[[str, Run], None]
) -> None:
    before = eventful.store.head().event_count
    api.halt(eventful)
    agent = bearer("--agent", "agent-7", "--reads", "all")
    run = fuzz(agent, thorough=bool(EXAMPLES), answers=["503"])
    tell("halted", run)
    assert run.failures == []
    assert {200, 503} <= set(run.statuses)
    assert 201 not in run.statuses
    assert eventful.store.head().event_count == before
