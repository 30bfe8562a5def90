"""Writers of the soak: single events and batches, retried until acknowledged.

Impatient agents do not retry a request whose answer was lost.

Invariant: a retry sends the same bytes under the same `event_id`.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import orjson

from bench.play import play
from bench.soak.client import Client, Lost
from bench.soak.tally import Sent, Stored, Tally
from events.format.canonical import canonicalize_text
from events.ingest.presets import recognize

SETTLE_SECONDS = 180.0
"""Seconds after which an unacknowledged event is a fault."""

Happening = tuple[str, bytes]
"""Type and canonical payload."""


def happenings(folder: Path | None) -> list[Happening]:
    """Events to write: the lines of the logs in a folder, named as the presets of `ingest`, or
    simulated events."""
    if folder is None:
        return [(one.event_type, canonicalize_text(one.payload)) for one in play(2000)]
    found = []
    for log in sorted(folder.glob("*.jsonl")):
        for line in filter(None, map(bytes.strip, log.read_bytes().splitlines())):
            record = orjson.loads(line)
            preset = recognize(record)
            named = preset.event_type(record) if preset else None
            found.append((named or "log.line", canonicalize_text(line)))
    return found


@dataclass
class Writer:
    """One agent. `size` is None for single events, else the events of a batch."""

    client: Client
    agent_id: str
    happenings: list[Happening]
    pause: float
    size: int | None = None
    lines: bool = False
    impatient: bool = False

    def run(self) -> None:
        """Write until stopped; a started request is retried to its end."""
        chance = random.Random(self.agent_id)  # noqa: S311 - a play, no secret
        tally = self.client.tally
        while not tally.stopping.wait(self.pause * 2 * chance.random()):
            events = [chance.choice(self.happenings) for _ in range(self.size or 1)]
            self._deliver(*self._compose(events))

    def _compose(self, events: list[Happening]) -> tuple[list[str], bytes]:
        """The ids, and the body, which retries send byte for byte."""
        now, ids = datetime.now(UTC).isoformat(), [str(uuid4()) for _ in events]
        records = [
            orjson.dumps(
                {
                    "event_id": event_id,
                    "event_type": event_type,
                    "local_timestamp": now,
                    "payload": orjson.Fragment(payload),
                }
            )
            for event_id, (event_type, payload) in zip(ids, events, strict=True)
        ]
        self.client.tally.send(
            {
                event_id: Sent(self.agent_id, event_type, hashlib.sha256(payload).digest())
                for event_id, (event_type, payload) in zip(ids, events, strict=True)
            }
        )
        if self.size is None:
            return ids, records[0]
        return ids, b"\n".join(records) if self.lines else b"[" + b",".join(records) + b"]"

    def _deliver(self, ids: list[str], body: bytes) -> None:
        tally, tried = self.client.tally, 0
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            sent = time.monotonic()
            try:
                places, status = self._send(body)
            except Lost:
                if self.impatient:
                    tally.abandon(ids)
                    return
                tried += 1
                time.sleep(0.2)
                continue
            self._take(ids, places, status, sent, first=tried == 0)
            return
        tally.fault(f"{self.agent_id}: not acknowledged within {SETTLE_SECONDS:.0f} s: {ids[0]}")
        tally.abandon(ids)

    def _send(self, body: bytes) -> tuple[dict[str, Stored], int]:
        path = "/api/v1/events" if self.size is None else "/api/v1/events/batch"
        kind = "application/x-ndjson" if self.lines else "application/json"
        answer = self.client.ask(path, body, kind, expected=(200, 201))
        document = orjson.loads(answer.body)
        events = [document] if self.size is None else document["events"]
        return {
            each["event_id"]: Stored(each["sequence"], each["content_hash"]) for each in events
        }, answer.status

    def _take(
        self, ids: list[str], places: dict[str, Stored], status: int, sent: float, *, first: bool
    ) -> None:
        tally = self.client.tally
        if list(places) != ids:
            tally.fault(f"{self.agent_id}: other events were answered than were sent")
        if status == 200 and first:
            tally.fault(f"{self.agent_id}: {ids[0]} was in the ledger before it was sent")
        if status == 200:
            tally.note("found again by event_id", len(ids))
        else:
            tally.was_created(sent)
        tally.acknowledge(places)


def writers(
    port: int, tokens: dict[str, str], tally: Tally, told: list[Happening], pace: float
) -> Iterator[Writer]:
    """The agents of the soak; `pace` multiplies their pauses."""
    for number, (agent, token) in enumerate(tokens.items()):
        kind = ("single", "single", "single", "batch", "lines", "impatient", "impatient batch")[
            number
        ]
        client = Client(port, f"writer, {kind}", tally, {"Authorization": f"Bearer {token}"})
        size = {"batch": 100, "lines": 50, "impatient batch": 20}.get(kind)
        pause = pace * (1.0 if size else 0.03)
        yield Writer(
            client, agent, told, pause, size, kind == "lines", kind.startswith("impatient")
        )


AGENTS = tuple(f"soak-agent-{number}" for number in range(1, 8))
