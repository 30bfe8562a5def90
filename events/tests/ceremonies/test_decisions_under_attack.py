"""Attacks on decisions by plain SQL: what people did not sign and approve takes no effect."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connections, transaction

from events import ceremonies
from events.append.services import owner_writer
from events.errors import LedgerError
from events.format.canonical import canonicalize
from events.format.ceremony import APPROVED, PROPOSED, REJECTED, Proposal
from events.store import ceremonies as store
from events.store.connection import constraint
from events.submission import Submission
from events.tests.support.ceremonies import Person, hold, person, register
from events.tests.support.ledger import Ledger

STEP = (
    "INSERT INTO ceremonies (ceremony_id, kind, step, person, content)"
    " VALUES (%s, %s, %s, %s, %s::jsonb)"
)
CEREMONY_ID = "9b2d6f0e-0000-4000-8000-000000000001"


def say(
    connection: psycopg.Connection[Any], proposal: Proposal, who: Person, step: str, **content: str
) -> None:
    """Insert a step by plain SQL, signed unless `content` says something else."""
    said = {"public_key": who.public_key, "signature": who.sign(proposal, step)}
    said |= {"proposal": proposal.text} if step == PROPOSED else {"proposal_hash": proposal.hash}
    connection.execute(
        STEP,
        [proposal.ceremony_id, proposal.kind, step, who.name, json.dumps(said | content)],
    )


def drift_proposal(details: dict[str, Any], **more: str) -> Proposal:
    """A proposal of which nobody has checked the details."""
    kind = "ceremony.drift_threshold"
    document = {"ceremony_id": CEREMONY_ID, "details": details, "kind": kind, "reason": "a test"}
    text = canonicalize(document | more).decode()
    return Proposal(CEREMONY_ID, kind, "a test", details, text)


@contextmanager
def refused_as(check: str) -> Iterator[None]:
    """Expect that the database refuses, by the name of this check, at the commit at the latest."""
    with pytest.raises((DatabaseError, LedgerError)) as refused, transaction.atomic("owner"):
        yield
    assert getattr(refused.value, "check", constraint(refused.value)) == check


def decision(event_type: str, payload: str) -> Submission:
    """The event that records a ceremony, as the system signs it."""
    return Submission(event_type, canonicalize(json.loads(payload)), agent_id=None)


def test_nobody_else_is_registered_along_with_a_person(ledger: Ledger) -> None:
    """Not even by somebody who has the owner's role and the system's key."""
    ada, bela, cleo = register()
    mallory = person("Mallory")
    proposal = ada.propose("add_person", person("Dora").details)
    bela.say(proposal)
    cleo.say(proposal)
    own = Submission("system.person_registered", canonicalize(mallory.details), agent_id=None)
    with refused_as("unrecorded"), connections["owner"].cursor() as cursor:
        decided = decision(*store.open_ceremony("owner", proposal.ceremony_id))
        first, _ = owner_writer().append_in_transaction([own, decided])
        cursor.execute(
            "INSERT INTO person_keys (public_key, person, event_id, active_from, from_sequence)"
            " VALUES (%s, 'Mallory', %s, now(), 1)",
            [mallory.public_key, first.event_id],
        )
    assert ledger.query("SELECT count(*) FROM person_keys") == [(3,)]


def test_what_is_rejected_after_it_was_opened_is_not_carried_out(ledger: Ledger) -> None:
    ada, bela, cleo = register()
    for name in ("Dora", "Emil"):
        hold(ledger, "add_person", person(name).details)
    proposal = ada.propose("drift_threshold", {"seconds": "7"})
    bela.say(proposal)
    cleo.say(proposal)
    with refused_as("approvals"), connections["owner"].cursor() as cursor:
        store.open_ceremony("owner", proposal.ceremony_id)
        for name in ("Dora", "Emil"):
            ceremonies.vote(
                "owner",
                proposal.ceremony_id,
                step=REJECTED,
                person=name,
                signature=person(name).sign(proposal, REJECTED),
            )
        cursor.execute("SELECT ceremony_payload(%s)::text", [proposal.ceremony_id])
        (payload,) = cursor.fetchone()
        owner_writer().append_in_transaction([decision(proposal.kind, payload)])
    assert ledger.query("SELECT drift_threshold_seconds FROM ledger_config") == [(5,)]


UNPROPOSABLE = {
    "a detail is null": (drift_proposal({"seconds": None}), "details"),
    "a detail is a number": (drift_proposal({"seconds": 7}), "details"),
    "an exponent": (drift_proposal({"seconds": "5e3"}), "details"),
    "another member": (drift_proposal({"seconds": "7"}, x="y"), "proposal"),
    "a hidden character": (drift_proposal({"seconds": "7"}, x="\b"), "proposal"),
}


@pytest.mark.parametrize(("proposal", "check"), UNPROPOSABLE.values(), ids=UNPROPOSABLE.keys())
def test_no_setting_of_a_session_lets_a_wrong_proposal_in(
    ledger: Ledger, proposal: Proposal, check: str
) -> None:
    ada, *_ = register()
    for strings in ("on", "off"):
        with ledger.connect() as application:
            application.execute(f"SET standard_conforming_strings = {strings}")
            with pytest.raises(psycopg.Error) as refused:
                say(application, proposal, ada, PROPOSED)
        assert refused.value.diag.constraint_name == check


SECOND_SPELLINGS = {
    "a blank behind it": lambda text: text + " ",
    "blanks inside": lambda text: text.replace(":", ": "),
    "a member twice": lambda text: text.replace('"reason":', '"reason":"another","reason":'),
    "members in another order": lambda text: json.dumps(
        dict(reversed(json.loads(text).items())), separators=(",", ":")
    ),
    "an escape that is not needed": lambda text: text.replace("a test", "a\\/test"),
}


@pytest.mark.parametrize("spell", SECOND_SPELLINGS.values(), ids=SECOND_SPELLINGS.keys())
def test_a_proposal_has_one_spelling(ledger: Ledger, spell: Callable[[str], str]) -> None:
    """A signed text that is not canonical JSON would be a row that no list of ceremonies can show,
    and that nobody can delete."""
    ada, *_ = register()
    proposal = drift_proposal({"seconds": "7"})
    other = replace(proposal, text=spell(proposal.text))
    with ledger.connect() as application, pytest.raises(psycopg.Error) as refused:
        say(application, other, ada, PROPOSED)
    assert refused.value.diag.constraint_name == "proposal"
    with ledger.connect() as application:
        say(application, proposal, ada, PROPOSED)
    assert [held.proposal for held in store.list_ceremonies("default", limit=9)[0]] == [proposal]


def test_a_long_signature_is_refused_at_once(ledger: Ledger) -> None:
    ada, bela, _ = register()
    proposal = ada.propose("drift_threshold", {"seconds": "7"})
    began = time.monotonic()
    with ledger.connect() as application, pytest.raises(psycopg.Error) as refused:
        say(application, proposal, bela, APPROVED, signature="////" * 25_000)
    assert refused.value.diag.constraint_name == "signature"
    assert time.monotonic() - began < 1


def test_nobody_votes_from_a_time_before_the_record(ledger: Ledger) -> None:
    """A transaction whose snapshot is older than the record would not see it."""
    ada, bela, _ = register()
    proposal = ada.propose("drift_threshold", {"seconds": "7"})
    with ledger.connect() as application:
        application.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with pytest.raises(psycopg.Error) as refused, application.transaction():
            say(application, proposal, bela, APPROVED)
    assert refused.value.diag.constraint_name == "isolation"


def test_an_opening_is_of_no_later_transaction_of_the_same_number(ledger: Ledger) -> None:
    """Numbers of transactions come again where a ledger is restored on another server."""
    hold(ledger, "drift_threshold", {"seconds": "7"})
    with ledger.tampering() as superuser, superuser.transaction():
        superuser.execute(
            "UPDATE ceremony_openings SET transaction ="
            " pg_current_xact_id()::text || ' ' || split_part(transaction, ' ', 2)"
        )
        assert superuser.execute("SELECT ceremony_opened_here()").fetchall() == [(None,)]
        superuser.execute("UPDATE ceremony_openings SET transaction = this_transaction()")
        ((opened,),) = superuser.execute("SELECT ceremony_opened_here()").fetchall()
        assert opened is not None
