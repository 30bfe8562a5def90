"""Builds a ledger with something of everything: agents, drift, gaps, a ceremony, a forgery."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from events import sample
from events.append.services import writer
from events.registrar import registrar
from events.tests.support.ceremonies import document_gap, register
from events.tests.support.ledger import Ledger, submission
from observers.tests.support.pages import remove
from observers.verification_jobs.records import ask_to_cancel
from observers.verification_jobs.runner import Stopped, run_verification
from observers.verification_jobs.tasks import request
from observers.watch.watch import Watch

LOST, CHANGED, SKIPPED = 8, 18, range(29, 34)
"""Places among the events that the sample agents play."""

PLAYED = 64


@dataclass(frozen=True)
class Scene:
    """Sequence numbers of the events worth looking at."""

    good: int
    drifted: int
    changed: int
    lost: int
    skipped: int
    ceremony: int
    last: int


def set_scene(ledger: Ledger) -> Scene:
    """Play the sample agents; lose one event, explain five others that are missing, change one."""
    for agent in sample.AGENTS:
        registrar().create_key(agent.agent_id)
    played = writer().write_events(list(islice(sample.play(), PLAYED)))
    drifted = next(w.event for w in played if w.event.agent_id == "old-plc")
    lost, changed = played[LOST].event.sequence, played[CHANGED].event.sequence
    skipped = [played[place].event.sequence for place in SKIPPED]
    remove(ledger, *skipped)
    register()
    lost_disk = "A disk was lost; these were never written."
    ceremony = document_gap(ledger, skipped[0], skipped[-1], lost_disk)
    payload = {"rows": [{"id": n, "amount": 2**63 - n} for n in range(3)], "note": "<b>bold</b>"}
    last = writer().write_event(submission(payload, agent_id="agent-8"))
    remove(ledger, lost)
    ledger.tamper(
        f'UPDATE events SET payload = payload || \'{{"gross": "9999.99"}}\''
        f" WHERE sequence = {changed}"
    )
    _verify(last.event.sequence)
    Watch().look()
    return Scene(
        good=played[-1].event.sequence,
        drifted=drifted.sequence,
        changed=changed,
        lost=lost,
        skipped=skipped[0],
        ceremony=ceremony.sequence,
        last=last.event.sequence,
    )


def _verify(last: int) -> None:
    """Verifications that found something, found nothing, were cancelled, run, and wait."""
    unsound, sound, cancelled, running, _ = (
        request(requested_by="auditor", start=start, end=end).pk
        for start, end in ((1, last), (last, last), (1, last), (1, last), (1, last))
    )
    run_verification(unsound)
    run_verification(sound)
    ask_to_cancel(cancelled, "auditor")
    looked_at = iter(range(last))
    with suppress(Stopped):
        run_verification(running, size=5, stopping=lambda: next(looked_at) == 8)
