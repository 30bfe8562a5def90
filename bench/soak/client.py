"""One caller's persistent connection to the portal. Retrying is the caller's decision."""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse

import orjson

from bench.soak.tally import BROKEN, Tally

SECONDS = 90.0
PASSING = ("database-unavailable", "queue-full", "too-many-exports")
"""Reasons for which the API may answer 503 while its database is away."""


class Lost(Exception):
    """No complete answer came, or a 503."""


@dataclass(frozen=True)
class Answer:
    """An answer; `cookies` are those that it sets."""

    status: int
    body: bytes
    cookies: tuple[tuple[str, str], ...] = ()


class Client:
    """Sends requests as one caller, and counts the answers under `who`."""

    def __init__(self, port: int, who: str, tally: Tally, headers: dict[str, str]) -> None:
        self.who, self.tally, self.headers = who, tally, headers
        self._port = port
        self._connection = self._fresh()

    def ask(
        self, path: str, body: bytes | None = None, kind: str = "application/json",
        expected: tuple[int, ...] = (200,),
    ) -> Answer:  # fmt: skip
        """GET, or POST of a body. Anything but what is expected, and 503, is a fault.

        Raises:
            Lost: 503, or the connection broke.
        """
        try:
            response = self.begin(path, body, kind)
            answer = Answer(response.status, response.read(), _cookies(response))
        except (OSError, HTTPException) as error:
            raise self.lost(error) from error
        self.judge(path, answer, expected)
        return answer

    def begin(
        self, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> HTTPResponse:
        """Send a request; the answer before its body is read."""
        headers = self.headers | ({"Content-Type": kind} if body is not None else {})
        self._connection.request("GET" if body is None else "POST", path, body, headers)
        return self._connection.getresponse()

    def lost(self, error: Exception) -> Lost:
        """Count a broken connection, and open another."""
        self._connection.close()
        self._connection = self._fresh()
        self.tally.answered(self.who, BROKEN)
        return Lost(f"{type(error).__name__}: {error}")

    def judge(self, path: str, answer: Answer, expected: tuple[int, ...]) -> None:
        self.tally.answered(self.who, answer.status)
        if answer.status == 503:
            self._judge_refusal(path, answer)
            raise Lost("503")
        if answer.status not in expected:
            self.tally.fault(
                f"{self.who}: {path} was answered {answer.status}: {answer.body[:300]!r}"
            )
            raise Lost(str(answer.status))

    def _judge_refusal(self, path: str, answer: Answer) -> None:
        if path.startswith("/api/"):
            name = str(orjson.loads(answer.body)["type"]).rpartition(":")[2]
            self.tally.note(f"503 {name}")
            if name not in PASSING:
                self.tally.fault(f"{self.who}: {path} was refused: {name}")

    def _fresh(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)


def _cookies(response: HTTPResponse) -> tuple[tuple[str, str], ...]:
    pairs = (text.partition(";")[0] for text in response.headers.get_all("Set-Cookie", []))
    return tuple((name, value) for name, _, value in (pair.partition("=") for pair in pairs))
