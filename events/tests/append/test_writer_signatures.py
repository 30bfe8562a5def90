"""Events that their writers sign themselves: stored as signed, and never signed for them."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from django.db import connections, transaction

from events.append.queue import AppendQueue
from events.append.services import key_backend, writer
from events.append.writer import AtomicEventWriter
from events.errors import (
    AppendRefusedError,
    EventIdConflictError,
    InvalidSubmissionError,
    NoActiveKeyError,
    WriterHeldKeyError,
)
from events.format import ed25519
from events.format import event as fmt
from events.format.event import Event
from events.ingest.errors import RejectedRecordError
from events.ingest.loading import AgentKeys
from events.keys.signing_process import SigningProcess
from events.registrar import registrar
from events.store import registry
from events.submission import Submission, validate
from events.tests.support.ledger import Ledger, submission
from events.tests.support.writer import WRITER, Writer

pytestmark = pytest.mark.usefixtures("ledger")
OTHER_LEDGER = "7b0f2f5e-6f1b-4c58-9a56-0b1a3a0c2d11"


def document(**changed: Any) -> dict[str, Any]:
    return {"event_type": "payment.released", "payload": {"amount": "12.50"}, **changed}


def read(signed: dict[str, Any], agent: str = WRITER) -> Submission:
    return validate(signed, agent_id=agent)


@pytest.fixture
def own(ledger: Ledger) -> Writer:
    """A writer whose key is registered."""
    one = Writer()
    one.register()
    return one


def assert_signed_by(own: Writer, event: Event) -> None:
    assert (event.sig_alg_version, event.signing_key_id) == (2, own.key_id)
    message = fmt.submission_message(
        agent_id=own.agent_id,
        event_id=event.event_id,
        event_type=event.event_type,
        hash_alg_version=1,
        ledger_id=registry.ledger_id("default"),
        local_timestamp=event.local_timestamp,
        payload_hash=event.payload_hash,
        sig_alg_version=2,
        signing_key_id=own.key_id,
    )
    signature = ed25519.decode(event.signature)
    ed25519.verify(ed25519.decode_key(own.public_key), message, signature)
    (witness,) = registry.list_witnesses("default")
    signable = event.signable_content()
    assert event.content_hash == fmt.content_hash(signable)
    ed25519.verify(
        ed25519.decode_key(witness.public_key),
        fmt.witness_message(signature, signable),
        ed25519.decode(event.witness_signature),
    )


def test_the_event_is_stored_as_its_writer_signed_it(own: Writer) -> None:
    signed = own.signed(document())
    written = writer().write_event(read(signed))
    event = written.event
    assert written.created
    for name in ("event_id", "local_timestamp", "payload_salt", "signature"):
        assert getattr(event, name) == signed[name]
    assert_signed_by(own, event)
    assert registry.signing_keys("default", [own.key_id])[own.key_id].custody == "writer"


@pytest.mark.parametrize("count", [1, 40])
def test_a_helper_only_attests_what_is_signed_already(own: Writer, count: int) -> None:
    queue = AppendQueue(writer(), helper=SigningProcess(key_backend().folder))
    try:
        sent = [read(own.signed(document(payload=n))) for n in range(count)]
        mixed = [one for own_ in sent for one in (own_, submission())]
        written = queue.write_events(mixed)
        again = queue.write_events(mixed[:1])
    finally:
        queue.close()
    for one in written[::2]:
        assert_signed_by(own, one.event)
    assert {one.event.sig_alg_version for one in written[1::2]} == {1}
    assert [one.created for one in again] == [False]


def test_the_same_submission_is_found_and_not_written_again(own: Writer) -> None:
    sent = read(own.signed(document()))
    first, again = writer().write_event(sent), writer().write_event(sent)
    assert (first.created, again.created) == (True, False)
    assert again.event.signature == first.event.signature
    twice = read(own.signed(document()))
    assert [one.created for one in writer().write_events([twice, twice])] == [True, False]


def test_concurrent_copies_of_one_submission_are_created_once(own: Writer) -> None:
    sent, queue = read(own.signed(document())), AppendQueue(writer())
    barrier, created = threading.Barrier(8), []

    def send() -> None:
        barrier.wait()
        try:
            created.append(queue.write_event(sent).created)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.close()
    assert sorted(created) == [False] * 7 + [True]


def test_another_signature_over_the_same_content_is_another_submission(own: Writer) -> None:
    signed = own.signed(document())
    writer().write_event(read(signed))
    with pytest.raises(EventIdConflictError):
        writer().write_event(read(own.signed(signed)))  # a new salt


WRITERS: dict[str, Callable[[Submission], object]] = {
    "one": lambda one: writer().write_event(one),
    "many": lambda one: queued([submission(), one]),
    "in a transaction": lambda one: in_transaction(writer(), one),
}


def queued(submissions: list[Submission]) -> None:
    queue = AppendQueue(writer())
    try:
        queue.write_events(submissions)
    finally:
        queue.close()


def in_transaction(service: AtomicEventWriter, one: Submission) -> list[Event]:
    with transaction.atomic():
        return service.append_in_transaction([one])


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_the_server_does_not_write_for_a_writer_that_signs_itself(
    own: Writer, ledger: Ledger, write: Callable[[Submission], object]
) -> None:
    before = ledger.store.head()
    with pytest.raises(WriterHeldKeyError, match="signs its own events with agent-9-own"):
        write(submission(agent_id=WRITER))
    assert ledger.store.head() == before


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_signature_that_does_not_verify_is_refused_before_the_lock(
    own: Writer, ledger: Ledger, write: Callable[[Submission], object]
) -> None:
    sent = read(Writer().signed(document()))
    with ledger.connect() as holder:
        holder.execute("BEGIN; SELECT open_append()")
        with pytest.raises(InvalidSubmissionError, match="/signature"):
            write(sent)


SIGNED_MEMBERS: dict[str, Any] = {
    "event_type": "payment.refused",
    "payload": {"amount": "12.51"},
    "event_id": "0191d7a0-0000-7000-8000-0000000000a1",
    "local_timestamp": "2026-01-31T10:00:00.000001Z",
    "payload_salt": "01" * 32,
}


@pytest.mark.parametrize("member", SIGNED_MEMBERS)
def test_a_changed_member_is_refused_with_what_was_verified(own: Writer, member: str) -> None:
    sent = {**own.signed(document()), member: SIGNED_MEMBERS[member]}
    with pytest.raises(InvalidSubmissionError) as refused:
        writer().write_event(read(sent))
    (wrong,) = refused.value.errors
    assert wrong.pointer == "/signature"
    content = json.loads(wrong.detail[wrong.detail.index("{") :])
    assert set(content) == {
        "agent_id",
        "event_id",
        "event_type",
        "hash_alg_version",
        "ledger_id",
        "local_timestamp",
        "payload_hash",
        "sig_alg_version",
        "signing_key_id",
    }
    if member in content:
        assert content[member] == SIGNED_MEMBERS[member]


def test_a_submission_to_another_ledger_is_refused_here(own: Writer) -> None:
    with pytest.raises(InvalidSubmissionError) as refused:
        writer().write_event(read(own.signed(document(), ledger_id=OTHER_LEDGER)))
    assert f'"ledger_id":"{registry.ledger_id("default")}"' in refused.value.errors[0].detail


@pytest.mark.parametrize("version", ["hash_alg_version", "sig_alg_version"])
def test_a_signature_over_another_version_is_refused(own: Writer, version: str) -> None:
    sent = read(own.signed(document()))
    members = {"hash_alg_version": 1, "sig_alg_version": 2} | {version: 3}
    message = fmt.submission_message(
        agent_id=WRITER,
        event_id=sent.event_id or "",
        event_type=sent.event_type,
        ledger_id=registry.ledger_id("default"),
        local_timestamp=fmt.timestamps.format_timestamp(sent.local_timestamp),  # type: ignore
        payload_hash=fmt.payload_hash(sent.signed.salt, sent.canonical_payload),  # type: ignore
        signing_key_id=own.key_id,
        **members,
    )
    forged = replace(sent.signed, signature=own.sign(message))  # type: ignore[type-var]
    with pytest.raises(InvalidSubmissionError, match="/signature"):
        writer().write_event(replace(sent, signed=forged))


def test_the_key_of_another_agent_is_refused_by_name(own: Writer) -> None:
    sent = own.signed(document())
    with pytest.raises(InvalidSubmissionError, match="/signing_key_id: is not a key of the agent"):
        writer().write_event(read(sent, "agent-7"))
    with pytest.raises(InvalidSubmissionError, match="/signing_key_id: is not a key of the agent"):
        writer().write_event(read({**sent, "signing_key_id": "unknown"}))


def test_a_key_that_the_portal_holds_signs_no_submission(ledger: Ledger) -> None:
    (event,) = ledger.write(1)
    held = Writer("agent-7", event.signing_key_id, key_seed(event.signing_key_id))
    with pytest.raises(InvalidSubmissionError, match="/signing_key_id: is held by the portal"):
        writer().write_event(read(held.signed(document()), "agent-7"))


def key_seed(key_id: str) -> bytes:
    return bytes.fromhex((key_backend().folder / f"{key_id}.key").read_text())


# --- Keys that change meanwhile ---


def test_after_a_rotation_only_the_new_key_writes(own: Writer) -> None:
    service, new = writer(), Writer(key_id="next")
    before = read(own.signed(document()))
    first = service.write_event(before)
    new.register(replaces=own)
    with pytest.raises(InvalidSubmissionError, match="is not the active key of agent 'agent-9'"):
        service.write_event(read(own.signed(document())))
    assert_signed_by(new, service.write_event(read(new.signed(document()))).event)
    again = service.write_event(before)
    assert (again.created, again.event.sequence) == (False, first.event.sequence)


def test_a_key_given_to_the_writer_meanwhile_is_not_signed_for(ledger: Ledger) -> None:
    """The service has cached the key that it held itself."""
    service, (event,) = writer(), ledger.write(1)
    service.write_event(submission())
    held, own = Writer("agent-7", event.signing_key_id), Writer("agent-7", "agent-7-own")
    asked = own.registration(replaces=held)
    del asked["replaced_proof"]
    registrar().register_writer_key("agent-7", **asked)
    with pytest.raises(WriterHeldKeyError):
        service.write_event(submission())
    assert_signed_by(own, service.write_event(read(own.signed(document()), "agent-7")).event)


def test_one_writers_fault_does_not_concern_the_others(own: Writer) -> None:
    queue, fine = AppendQueue(writer()), read(own.signed(document()))
    requests = [queue.send([one]) for one in (submission(agent_id=WRITER), fine, submission())]
    with pytest.raises(WriterHeldKeyError):
        queue.receive(requests[0])
    assert all(queue.receive(request)[0].created for request in requests[1:])
    queue.close()


def test_an_import_rejects_the_records_of_a_writer(own: Writer) -> None:
    keys = AgentKeys(registrar(), None)
    keys.require("agent-7")
    with pytest.raises(RejectedRecordError, match="'agent-9' signs its own events"):
        keys.require(WRITER)


def test_a_retired_writer_writes_nothing(own: Writer) -> None:
    registrar().retire_key(own.key_id)
    with pytest.raises(NoActiveKeyError, match="no active signing key"):
        writer().write_event(read(own.signed(document())))


def test_a_restored_database_may_know_the_name_by_another_key(own: Writer, ledger: Ledger) -> None:
    service, other = writer(), Writer()
    service.write_event(read(own.signed(document())))
    ledger.tamper(
        f"UPDATE agent_keys SET public_key = '{other.public_key}' WHERE key_id = '{own.key_id}'"
    )
    assert service.write_event(read(other.signed(document()))).created


# --- The trigger ---


@pytest.mark.parametrize(("agent", "version"), [(WRITER, 1), ("agent-7", 2)])
def test_the_database_accepts_only_the_version_of_the_key(
    own: Writer, ledger: Ledger, agent: str, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a portal would write that does not care who holds the key."""
    (before,) = ledger.write(1)
    service = writer()
    signers = service.signing.signers([agent])
    monkeypatch.setattr(service.signing, "signers_of", lambda _: signers)
    monkeypatch.setattr("events.append.chain.PreparedEvent.sig_alg_version", version)
    object.__setattr__(signers[agent], "sign", lambda _: bytes(64))
    with pytest.raises(AppendRefusedError, match="signing_key of sequence"):
        service.write_event(submission(agent_id=agent))
    assert ledger.store.head().max_sequence == before.sequence


def test_an_unknown_version_is_no_version(own: Writer, ledger: Ledger) -> None:
    event = writer().write_event(read(own.signed(document()))).event
    assert base64.b64decode(event.signature) != bytes(64)
    with ledger.tampering() as superuser, pytest.raises(psycopg.errors.CheckViolation):
        superuser.execute("UPDATE events SET sig_alg_version = 3")
