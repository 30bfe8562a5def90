"""CT-12: every event is witnessed, or it does not exist. Without a witness nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from events.append.services import key_backend, witness_service, writer
from events.append.writer import AtomicEventWriter
from events.errors import KeyRegistryError, WitnessUnavailableError
from events.format import ed25519, event, key_events
from events.keys.backend import FileKeyBackend
from events.keys.signing import SigningService, WitnessService
from events.registrar import registrar
from events.store import registry
from events.tests.support.ledger import OPENING, Ledger, submission


def test_ct12_every_event_is_witnessed(ledger: Ledger) -> None:
    (appended,) = ledger.write(1)
    (witness,) = registry.list_witnesses("default")
    assert appended.witness_id == witness.witness_id == "WITNESS:alpha"
    signature = ed25519.decode(appended.signature)
    ed25519.verify(
        ed25519.decode(witness.public_key),
        event.witness_message(signature, appended.signable_content()),
        ed25519.decode(appended.witness_signature),
    )


def test_ct12_the_witness_attests_the_agents_signature(ledger: Ledger) -> None:
    (appended,) = ledger.write(1)
    (witness,) = registry.list_witnesses("default")
    message = event.witness_message(bytes(64), appended.signable_content())
    with pytest.raises(ed25519.SignatureError):
        ed25519.verify(
            ed25519.decode(witness.public_key), message, ed25519.decode(appended.witness_signature)
        )


def test_rt1_without_an_active_witness_nothing_is_written(ledger: Ledger) -> None:
    ledger.write(1)
    ledger.tamper("UPDATE witnesses SET active_until = now(), until_sequence = 4")
    with pytest.raises(WitnessUnavailableError, match=r"^RT-1: .*: none is active$"):
        ledger.write(1)
    assert ledger.query("SELECT count(*) FROM events") == [(OPENING + 1,)]
    ledger.tamper("UPDATE witnesses SET active_until = NULL, until_sequence = NULL")
    assert ledger.write(1)[0].witness_id == "WITNESS:alpha"
    assert ledger.query("SELECT * FROM verify_chain()") == []


def test_rt1_without_any_witness_key_here_nothing_is_written(
    ledger: Ledger, tmp_path: Path
) -> None:
    elsewhere = FileKeyBackend(tmp_path / "elsewhere")
    without = AtomicEventWriter(SigningService(key_backend()), WitnessService(elsewhere))
    with pytest.raises(
        WitnessUnavailableError, match=r"^RT-1: .*no private key of WITNESS:alpha is here"
    ):
        without.write_event(submission())
    assert ledger.query("SELECT count(*) FROM events") == [(OPENING,)]


def test_a_witness_whose_key_is_elsewhere_is_passed_over(ledger: Ledger) -> None:
    said = key_events.registration("witness", "WITNESS:elsewhere", ed25519.public_key(bytes(32)))
    sign = ed25519.signer(bytes(32))
    registrar().register(key_events.proved(said, registry.ledger_id("default"), sign))
    written = [writer().write_event(submission()).event for _ in range(10)]
    assert {e.witness_id for e in written} == {"WITNESS:alpha"}


def test_every_active_witness_has_its_turn(ledger: Ledger) -> None:
    for name in ("beta", "gamma"):
        registrar().create_witness(name)
    seen: set[str] = set()
    for _ in range(200):  # each is missed by chance once in 10^35
        seen.add(witness_service().attestor().witness_id)
    assert seen == {"WITNESS:alpha", "WITNESS:beta", "WITNESS:gamma"}


def test_a_retired_witness_keeps_its_place(ledger: Ledger) -> None:
    ledger.write(2)
    registrar().create_witness("beta")
    assert registrar().retire_witness("WITNESS:alpha") == 7
    ledger.write(1)
    alpha, beta = registry.list_witnesses("default")
    assert (alpha.validity.from_sequence, alpha.validity.until_sequence) == (1, 7)
    assert (beta.validity.from_sequence, beta.validity.until_sequence) == (7, None)
    for appended in ledger.store.get_events_by_sequence_range(1, 8):
        (covering,) = [
            w
            for w in (alpha, beta)
            if w.witness_id == appended.witness_id and w.validity.covers(appended.sequence)
        ]
        ed25519.verify(
            ed25519.decode(covering.public_key),
            event.witness_message(ed25519.decode(appended.signature), appended.signable_content()),
            ed25519.decode(appended.witness_signature),
        )


def test_a_key_left_by_an_interrupted_registration_is_reused(ledger: Ledger) -> None:
    left = witness_service().backend.create("WITNESS:beta")
    assert registrar().create_witness("beta") == "WITNESS:beta"
    known = {w.witness_id: w.public_key for w in registry.list_witnesses("default")}
    assert known["WITNESS:beta"] == ed25519.encode(left)


def test_a_taken_name_leaves_no_key_behind(ledger: Ledger) -> None:
    with pytest.raises(KeyRegistryError, match="this name is taken"):
        registrar().create_witness("alpha")
    with pytest.raises(KeyRegistryError, match="rotate it instead"):
        registrar().create_key("agent-7", "second")
    assert not witness_service().backend.holds("second")
