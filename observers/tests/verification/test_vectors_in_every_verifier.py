"""The published vectors of both versions, good and bad, and a writer's event with one bit changed
in each member that it signed: the full checks, the fast path and the documented verifier give the
same verdicts; the browser has its own test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from events.format import event, key_events
from observers.tests.support.vector_cases import SUBMITTED, V2, Case, cases
from observers.tests.verification.test_documented_verifier import documented_program
from observers.verification.checks import Check, check_event, passes_fast
from observers.verification.keyring import keyring_from_json

each_case = pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
WRITER_SIGNED = next(case for case in cases() if case.name == "version 2, event 1")


@pytest.mark.parametrize("vector", V2["events"], ids=lambda vector: vector["event"]["event_type"])
def test_the_signed_bytes_are_the_published_ones(vector: dict[str, Any]) -> None:
    said = vector["event"]
    signable = vector["signable_content"].encode()
    signed = event.signed_message(signable, said["sig_alg_version"], V2["ledger_id"])
    assert signed == vector["signed_message"].encode()
    assert event.content_hash(signable) == said["content_hash"]


def test_a_writer_signs_nine_members() -> None:
    names = sorted(SUBMITTED)
    text = V2["events"][0]["signed_message"]
    assert [text.find(f'"{name}":') for name in names] == sorted(
        text.index(f'"{name}":') for name in names
    )
    assert text.count('":') == len(names) == 9


@each_case
def test_the_full_checks_find_exactly_what_is_wrong(case: Case) -> None:
    found = list(check_event(case.stored, keyring_from_json(case.keys)))
    assert {finding.check.value for finding in found} == case.failing
    assert {finding.sequence for finding in found} <= {case.event["sequence"]}


@each_case
def test_the_fast_path_accepts_exactly_what_is_sound(case: Case) -> None:
    assert passes_fast(case.row, keyring_from_json(case.keys)) == (not case.failing)


@each_case
def test_the_documented_verifier_finds_exactly_what_is_wrong(case: Case) -> None:
    program: dict[str, Any] = {"__name__": "verifier"}
    exec(documented_program(), program)  # noqa: S102 - the page's own program
    found = set(judged_by(program, case))
    # It stops at a wrong form.
    assert found == ({"format"} if "format" in case.failing else case.failing)


def judged_by(program: dict[str, Any], case: Case) -> list[str]:
    """Returns what the documented program finds in an event whose link is taken as it is."""
    said, keys = case.event, case.keys
    previous = {"sequence": said["sequence"] - 1, "content_hash": said["prev_hash"]}
    known = program["Known"]()
    known.ledger_id = keys["ledger_id"]
    for key in keys["agents"]:
        role, version = key_events.role_of(key["agent_id"]), key["sig_alg_version"]
        known.put(role, key["key_id"], key["agent_id"], key["public_key"], 1, version)
    for key in keys["witnesses"]:
        known.put("witness", key["witness_id"], None, key["public_key"], 1)
    return list(program["failed_checks"](said, previous, known))


def found_in(case: Case, **changes: Any) -> set[Check]:
    """Returns what both Python paths find with a changed list of keys."""
    keys = replace(keyring_from_json(case.keys), **changes)
    found = {finding.check for finding in check_event(case.stored, keys)}
    assert passes_fast(case.row, keys) == (not found)
    return found


def test_a_list_of_keys_that_names_no_ledger_verifies_no_writer() -> None:
    assert found_in(WRITER_SIGNED, ledger_id=None) == {Check.SIGNATURE}


def test_a_key_signs_by_its_own_version_alone() -> None:
    keys = keyring_from_json(WRITER_SIGNED.keys)
    by_version_1 = {name: replace(key, sig_alg_version=1) for name, key in keys.agents.items()}
    assert found_in(WRITER_SIGNED, agents=by_version_1) == {Check.SIGNING_KEY}


def test_an_event_of_version_2_has_an_agent() -> None:
    without = Case("", WRITER_SIGNED.event | {"agent_id": None}, WRITER_SIGNED.keys, frozenset())
    assert Check.FORMAT in found_in(without)
