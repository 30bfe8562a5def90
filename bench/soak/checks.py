"""The checks after each kill and at the end of a soak.

Where possible they query the database and do not rely on the portal's answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import orjson
import psycopg

from bench.soak.kills import Killer
from bench.soak.memory import Figures
from bench.soak.portal import Portal
from bench.soak.readers import Walker
from bench.soak.tally import Tally
from events.format.canonical import canonicalize_text
from events.format.key_events import OPENED, REGISTERED

KILLED_SECONDS = 1.0
"""Reads answered so shortly before their web process was killed may have no entry."""


@dataclass
class Checks:
    """Results; each check adds a line."""

    portal: Portal
    tally: Tally
    lines: list[tuple[str, str, bool]] = field(default_factory=list)

    def say(self, what: str, found: str, good: bool) -> None:
        self.lines.append((what, found, good))

    def acknowledged_are_there(self) -> bool:
        """After a kill: every acknowledged event is stored at its sequence with its hash."""
        due = self.tally.so_far()
        try:
            rows = self._rows("SELECT event_id::text, sequence, content_hash FROM events")
        except psycopg.OperationalError:
            return False
        there = {event_id: (sequence, digest) for event_id, sequence, digest in rows}
        lost = [i for i, one in due.items() if there.get(i) != (one.sequence, one.content_hash)]
        if lost:
            self.tally.fault(
                f"{len(lost)} acknowledged events are lost or moved, such as {lost[0]}"
            )
        return True

    def ledger(self) -> None:
        """At the end: acknowledged requests are stored, others whole or not at all."""
        query = "SELECT sequence, event_id::text, content_hash, agent_id, event_type, payload::text"
        rows = self._rows(f"{query} FROM events ORDER BY sequence")
        there = {row[1]: row for row in rows}
        acknowledged = self.tally.acknowledged
        lost = sum(
            event_id not in there or there[event_id][0] != one.sequence
            or there[event_id][2] != one.content_hash
            for event_id, one in acknowledged.items()
        )  # fmt: skip
        self.say(
            "acknowledged events at the same place with the same hash",
            f"{len(acknowledged) - lost:,} of {len(acknowledged):,}", lost == 0,
        )  # fmt: skip
        altered = sum(
            not self._is_as_sent(row)
            for row in rows
            if row[3] is not None or row[4] not in (OPENED, REGISTERED)
        )
        self.say("events that nobody sent so, or sent otherwise", f"{altered:,}", altered == 0)
        self._abandoned(there)
        self.say(
            "events without a gap and once each", f"{len(rows):,}",
            [row[0] for row in rows] == list(range(1, len(rows) + 1)) and len(there) == len(rows),
        )  # fmt: skip

    def walks(self, walkers: Sequence[Walker]) -> None:
        hashes = [h for (h,) in self._rows("SELECT content_hash FROM events ORDER BY sequence")]
        walks = [walk for walker in walkers for walk in walker.walks]
        wrong = sum(walk != hashes[: len(walk)] for walk in walks)
        ends = sum(walk == hashes for walk in walks)
        self.say(
            "walks of readers that saw every event in order",
            f"{len(walks) - wrong} of {len(walks)}, {ends} to the end",
            wrong == 0 and ends >= len(walkers),
        )

    def access_log(self, killer: Killer) -> None:
        """Every answered read is logged, except those of the last second of a killed process."""
        ((entries,),) = self._rows(
            "SELECT count(*) FROM access_log WHERE outcome IN ('answered', 'sent', 'broken off') "
            "AND status < 400"
        )
        moments = [kill.moment for kill in killer.kills if kill.role == "web process"]
        spared = sum(
            any(moment - KILLED_SECONDS < read < moment + KILLED_SECONDS for moment in moments)
            for read in self.tally.reads
        )
        due = len(self.tally.reads) - spared
        self.say(
            "entries of the access log", f"{entries:,} for {due:,} reads answered", entries >= due
        )

    def verifications(self, started: int) -> None:
        rows = self._rows("SELECT state, finding_count FROM verifications")
        good = all(row == ("finished", 0) for row in rows)
        states = ", ".join(sorted({str(state) for state, _ in rows}))
        self.say(
            "verifications started from the portal",
            f"{len(rows)} {states or 'none'}, {sum(int(row[1]) for row in rows)} findings",
            good and len(rows) >= started,
        )

    def verifications_open(self) -> list[tuple[Any, ...]]:
        """Those that are not ended, each with its job and when that job's worker was last heard."""
        return self._rows(
            "SELECT v.id, v.state, v.runs, j.id, j.status::text, w.id, w.last_heartbeat::text "
            "FROM verifications v LEFT JOIN procrastinate_jobs j "
            "ON (j.args->>'verification_id')::bigint = v.id "
            "LEFT JOIN procrastinate_workers w ON w.id = j.worker_id WHERE v.ended_at IS NULL"
        )

    def command(self, *arguments: str) -> None:
        done = self.portal.manage(*arguments)
        self.say(f"`{' '.join(arguments)}`", f"exit code {done.returncode}", done.returncode == 0)
        if done.returncode:
            self.tally.fault(f"{arguments[0]}: {(done.stdout + done.stderr)[-500:]}")

    def memory(self, figures: Sequence[Figures]) -> None:
        growing = [one.role for one in figures if one.grows]
        self.say("processes whose memory grows", ", ".join(growing) or "none", not growing)

    def restarts(self, killer: Killer, told: int) -> None:
        killed = sum(kill.role == "PostgreSQL" for kill in killer.kills)
        self.say("`postgres_restarted` in the log", f"{told} after {killed} kills", told == killed)

    def faults(self) -> None:
        count = self.tally.fault_count
        self.say("faults: other answers, tracebacks, gaps, alarms", f"{count}", count == 0)

    def _is_as_sent(self, row: tuple[Any, ...]) -> bool:
        sent = self.tally.sent.get(row[1])
        if sent is None:
            return False
        payload = hashlib.sha256(canonicalize_text(row[5], stored=True)).digest()
        return (sent.agent_id, sent.event_type, sent.payload) == (row[3], row[4], payload)

    def _abandoned(self, there: dict[str, tuple[Any, ...]]) -> None:
        """A request in which some events are and others are not is neither whole nor absent."""
        whole = sum(all(i in there for i in ids) for ids in self.tally.abandoned)
        torn = sum(0 < sum(i in there for i in ids) < len(ids) for ids in self.tally.abandoned)
        self.say(
            "requests never acknowledged nor sent again",
            f"{len(self.tally.abandoned)}: {whole} whole, {torn} torn, the rest absent", torn == 0,
        )  # fmt: skip

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(psycopg.connect(**self.portal.server.dsn(), connect_timeout=10)) as database:  # type: ignore[arg-type]
            return database.execute(query).fetchall()


def as_json(checks: Checks) -> list[dict[str, Any]]:
    """The lines for machines."""
    return [{"check": what, "found": found, "good": good} for what, found, good in checks.lines]


def dump(document: dict[str, Any]) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
