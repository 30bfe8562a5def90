"""Readers of the soak: walkers, exporters and an auditor.

Walkers must miss and repeat nothing, exports are slow, and the auditor views pages and starts
verifications.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.client import HTTPException
from itertools import cycle
from urllib.parse import urlencode

import orjson

from bench.soak.client import Answer, Client, Lost
from events.format.event import GENESIS_HASH

FORM = re.compile(rb'name="csrfmiddlewaretoken" value="([^"]+)"')
SPAN = re.compile(r"events-(\d+)-(\d+)\.")
PAGES = (
    "/", "/events/", "/gaps/", "/drift/", "/watch/", "/verifications/", "/access/",
    "/events/?drifted=true", "/events/1/", "/ceremonies/",
)  # fmt: skip
SLOWLY = 0.05
"""Seconds that the client of an export takes for each piece."""


class Walker:
    """Reads with `after`, page by page; with `again` it restarts at the end."""

    def __init__(self, client: Client, pause: float, *, again: bool = False) -> None:
        self.client, self.pause, self.again = client, pause, again
        self.hashes: list[str] = []
        """By sequence, of this walk."""
        self.walks: list[list[str]] = []

    def run(self) -> None:
        while not self.client.tally.stopping.wait(self.pause):
            self.step()

    def to_the_end(self) -> None:
        """Read the rest, once writing has ended."""
        for _ in range(100_000):
            before = len(self.hashes)
            if self.step() and len(self.hashes) == before:
                break
        self.walks.append(self.hashes)

    def step(self) -> bool:
        """Read one page; False if the request failed."""
        try:
            answer = self.client.ask(f"/api/v1/events?after={len(self.hashes)}&limit=1000")
        except Lost:
            return False
        self.client.tally.read()
        document = orjson.loads(answer.body)
        for event in document["events"]:
            self._follow(event)
        if document["completeness"]["gaps"]:
            self.client.tally.fault(f"{self.client.who}: gaps: {document['completeness']['gaps']}")
        if self.again and document["next"] is None and not self.client.tally.stopping.is_set():
            self.walks.append(self.hashes)
            self.hashes = []
        return True

    def _follow(self, event: dict[str, object]) -> None:
        expected = len(self.hashes) + 1
        if event["sequence"] != expected:
            self.client.tally.fault(
                f"{self.client.who}: {expected} was due, {event['sequence']} came"
            )
        before = self.hashes[-1] if self.hashes else GENESIS_HASH
        if event["prev_hash"] != before:
            self.client.tally.fault(
                f"{self.client.who}: {expected} does not follow what came before"
            )
        self.hashes.append(str(event["content_hash"]))


class Exporter:
    """Downloads the whole ledger slowly, and counts complete exports."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def run(self) -> None:
        for form in cycle(("jsonl", "csv")):
            if self.client.tally.stopping.wait(1.0):
                return
            try:
                self._take(form)
            except (OSError, HTTPException) as error:
                self.client.lost(error)
            except Lost:
                continue

    def _take(self, form: str) -> None:
        tally = self.client.tally
        response = self.client.begin(f"/api/v1/export?format={form}")
        if response.status != 200:
            answer = Answer(response.status, response.read())
            self.client.judge("/api/v1/export", answer, (200,))
        name = SPAN.search(response.headers["Content-Disposition"])
        lines, rest = 0, b""
        while piece := response.read(2**18):
            lines += piece.count(b"\n")
            rest = (rest + piece)[-200:]
            tally.stopping.wait(SLOWLY)
        tally.read()
        tally.answered(self.client.who, 200)
        broken = b'{"export":"broke off' in rest or not rest.endswith(b"\n")
        expected = int(name[2]) - int(name[1]) + 1 + (form == "csv") if name else -1
        if broken:
            tally.note("exports that said they are no whole")
        elif lines != expected:
            tally.fault(f"an export of {expected} lines ended after {lines} as if it were whole")
        else:
            tally.note("exports that came whole")


class Auditor:
    """A signed-in person who views one page after another and starts verifications."""

    def __init__(self, client: Client, password: str, verify_every: int) -> None:
        self.client, self.password, self.verify_every = client, password, verify_every
        self.started = 0

    def run(self) -> None:
        tally = self.client.tally
        while not tally.stopping.wait(0.5) and not self._sign_in():
            pass
        for number, path in enumerate(self._paths()):
            if tally.stopping.wait(0.3):
                return
            try:
                page = self.client.ask(path)
                tally.read()
                if path == "/verifications/" and number % self.verify_every == 5:
                    self._verify(page)
            except Lost:
                continue

    def _paths(self) -> Iterator[str]:
        yield from cycle(PAGES)

    def _sign_in(self) -> bool:
        try:
            form = self._form(self.client.ask("/login/"))
            body = urlencode(
                form | {"username": "soak-auditor", "password": self.password}
            ).encode()
            done = self.client.ask(
                "/login/", body, "application/x-www-form-urlencoded", expected=(302,)
            )
        except Lost:
            return False
        self._remember(done)
        return True

    def _verify(self, page: Answer) -> None:
        head = self.client.ask("/api/v1/head")
        self.client.tally.read()
        last = orjson.loads(head.body)["max_sequence"]
        wanted = {"start": max(1, last - 20_000), "end": last}
        body = urlencode(self._form(page) | wanted).encode()
        asked = self.client.ask(
            "/verifications/start", body, "application/x-www-form-urlencoded",
            expected=(302, 400),  # 400: as many as may be open are open
        )  # fmt: skip
        self.started += asked.status == 302

    def _form(self, page: Answer) -> dict[str, object]:
        self._remember(page)
        found = FORM.search(page.body)
        return {"csrfmiddlewaretoken": found[1].decode() if found else ""}

    def _remember(self, answer: Answer) -> None:
        """The cookies; the client's answer has the last one of each name."""
        jar = dict(
            part.split("=", 1) for part in self.client.headers.get("Cookie", "").split("; ") if part
        )
        for name, value in answer.cookies:
            jar[name] = value
        self.client.headers["Cookie"] = "; ".join(f"{n}={v}" for n, v in jar.items())
