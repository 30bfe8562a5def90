"""A caller of the HTTP API in tests: tokens, requests, and what problem details look like."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.management import call_command
from django.test import Client

from events.tests.support.ledger import Ledger


@dataclass(frozen=True)
class Caller:
    """A caller; its token is sent with every request, "" for none."""

    token: str

    def get(self, path: str, **headers: str) -> Any:
        """GET an address under `/api/v1`."""
        return self._call("get", path, headers=headers)

    def post(
        self,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        content_type: str = "application/json",
        **headers: str,
    ) -> Any:
        """POST a JSON value, or the bytes `raw` as they are."""
        data = json.dumps(body).encode() if raw is None else raw
        return self._call("post", path, data, content_type, headers=headers)

    def call(self, method: str, path: str, **headers: str) -> Any:
        """Any other method."""
        return self._call(method, path, headers=headers)

    def environ(self, path: str, **environ: Any) -> Any:
        """POST with a WSGI environment of one's own."""
        environ["HTTP_AUTHORIZATION"] = f"Bearer {self.token}"
        return Client().generic("POST", f"/api/v1/{path}", **environ)

    def _call(self, method: str, path: str, *args: Any, headers: dict[str, str]) -> Any:
        if self.token:
            headers = {"Authorization": f"Bearer {self.token}", **headers}
        place = path if path.startswith("/") else f"/api/v1/{path}"
        client = Client(raise_request_exception=False)
        # The client says neither type nor length of an empty body.
        said = {"CONTENT_TYPE": args[1], "CONTENT_LENGTH": str(len(args[0]))} if args else {}
        return getattr(client, method)(place, *args, headers=headers, **said)


def issue(*options: str) -> str:
    """A token by the command that issues them."""
    out = io.StringIO()
    call_command("issue_token", *options, stdout=out, stderr=io.StringIO())
    return out.getvalue().strip()


def agent(name: str = "agent-7") -> Caller:
    """A caller that may write as an agent."""
    return Caller(issue("--agent", name))


def observer() -> Caller:
    """A caller that may only read."""
    return Caller(issue("--observer"))


def event(**changed: Any) -> dict[str, Any]:
    """A valid event to send; a field set to `...` is left out."""
    body = {
        "event_type": "test.happened",
        "payload": {"number": 1},
        "local_timestamp": "2026-01-31T12:00:00+02:00",
        **changed,
    }
    return {name: value for name, value in body.items() if value is not ...}


def problem(response: Any, status: int, name: str) -> dict[str, Any]:
    """The problem detail of a refusal, proved to be one of this kind (RFC 9457)."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    detail: dict[str, Any] = response.json()
    assert detail["type"] == f"urn:audit-portal:problem:{name}", detail
    assert detail["status"] == status
    assert detail["title"]
    assert detail["detail"]
    assert detail["instance"].startswith("/")
    return detail


def whole(response: Any) -> dict[str, Any]:
    """The JSON object of an answer, also of one that began before it was worked out."""
    content = b"".join(response) if response.streaming else response.content
    answer: dict[str, Any] = json.loads(content)
    return answer


def pages(caller: Caller, path: str) -> Iterator[dict[str, Any]]:
    """Every page from an address on, following `next`."""
    following: str | None = path
    while following:
        response = caller.get(following)
        assert response.status_code == 200, response.content
        page = whole(response)
        yield page
        following = page["next"]


RUNNING = {"system_status": {"halted": False, "reason": None, "since": None}}
"""Headers of every answer that reads a running ledger."""


def halt(ledger: Ledger, reason: str = "a test halts it") -> None:
    """Halt the ledger as the application may."""
    with ledger.connect() as application:
        application.execute("SELECT halt_ledger(%s)", [reason])
