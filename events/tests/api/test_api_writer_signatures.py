"""Events that come with the signature of their writer, over HTTP, and the rotation of its key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from events.registrar import registrar
from events.store import registry
from events.tests.support import api
from events.tests.support.api import Caller
from events.tests.support.ceremonies import register as register_people
from events.tests.support.ledger import Ledger
from events.tests.support.writer import WRITER, Writer

OTHER_LEDGER = "7b0f2f5e-6f1b-4c58-9a56-0b1a3a0c2d11"
THREE = ("payload_salt", "signing_key_id", "signature")


@pytest.fixture
def own(ledger: Ledger) -> Writer:
    """A writer whose key is registered."""
    one = Writer()
    one.register()
    return one


@pytest.fixture
def caller(own: Writer) -> Caller:
    """The writer's token."""
    return api.agent(WRITER)


def errors(response: Any) -> dict[str, str]:
    """The details of the wrong fields by pointer."""
    wrong = api.problem(response, 400, "invalid-event")["errors"]
    return {each["pointer"]: each["detail"] for each in wrong}


def test_a_signed_event_is_recorded_and_found_again(own: Writer, caller: Caller) -> None:
    sent = own.signed(api.event())
    first, again = caller.post("events", sent), caller.post("events", sent)
    assert (first.status_code, again.status_code) == (201, 200)
    stored = first.json()
    assert stored["sig_alg_version"] == 2
    for name in (*THREE, "event_id", "local_timestamp"):
        assert stored[name] == sent[name]
    assert again.json() == stored


def test_the_writer_of_another_agents_id_is_refused(own: Writer, caller: Caller) -> None:
    sent = own.signed(api.event())
    caller.post("events", sent)
    api.problem(caller.post("events", own.signed(sent)), 409, "event-id-conflict")


@pytest.mark.parametrize("form", ["array", "lines"])
def test_a_batch_of_signed_events(own: Writer, caller: Caller, form: str) -> None:
    sent = [own.signed(api.event(payload={"number": n})) for n in range(3)]
    body = {"body": sent} if form == "array" else lines(sent)
    first, again = caller.post("events/batch", **body), caller.post("events/batch", **body)
    assert (first.status_code, again.status_code) == (201, 200), first.content
    assert (first.json()["created"], again.json()["created"]) == (3, 0)


def lines(sent: list[dict[str, Any]]) -> dict[str, Any]:
    raw = b"\n".join(json.dumps(one).encode() for one in sent)
    return {"raw": raw, "content_type": "application/x-ndjson"}


def test_one_wrong_signature_refuses_a_batch_by_its_index(own: Writer, caller: Caller) -> None:
    sent = [own.signed(api.event(payload={"number": n})) for n in range(3)]
    sent[1]["payload"] = {"number": 17}
    detail = api.problem(caller.post("events/batch", sent), 400, "invalid-event")
    (wrong,) = detail["errors"]
    assert (wrong["index"], wrong["pointer"]) == (1, "/signature")
    assert caller.post("events", sent[0]).status_code == 201


@pytest.mark.parametrize("missing", THREE)
@pytest.mark.parametrize("nothing", [..., None])
def test_all_three_or_none(own: Writer, caller: Caller, missing: str, nothing: Any) -> None:
    sent = {**own.signed(api.event()), missing: nothing}
    sent = {name: value for name, value in sent.items() if value is not ...}
    found = errors(caller.post("events", sent))
    assert list(found) == [f"/{missing}"]
    assert "payload_salt, signing_key_id, signature come together" in found[f"/{missing}"]


WRONG_FORMS: list[tuple[str, Any, str]] = [
    ("event_id", None, "is required beside a signature"),
    ("event_id", "0191D7A0-0000-7000-8000-0000000000A1", "lower case"),
    ("local_timestamp", "2026-01-31T12:00:00+02:00", "signed: 2026-01-31T10:00:00.000000Z"),
    ("local_timestamp", "2026-01-31T10:00:00Z", "signed: 2026-01-31T10:00:00.000000Z"),
    ("payload_salt", "00" * 32, "64 zeros mark an erased payload"),
    ("payload_salt", "AB" * 32, "64 lowercase hex digits"),
    ("payload_salt", "ab" * 31, "64 lowercase hex digits"),
    ("payload_salt", 17, "64 lowercase hex digits"),
    ("signing_key_id", "", "must be the key_id of a key that you hold"),
    ("signing_key_id", [], "must be the key_id of a key that you hold"),
    ("signing_key_id", "agent-9-other", "is not a key of the agent agent-9"),
    ("signature", "AAAA", "64 bytes in standard base64"),
    ("signature", "*", "not standard base64"),
    ("signature", "A" * 85 + "B==", "not the canonical base64"),
    ("signature", "A" * 86 + "==", "does not verify with the key agent-9-own"),
]


@pytest.mark.parametrize(("field", "value", "reason"), WRONG_FORMS)
def test_the_wrong_field_is_named(
    own: Writer, caller: Caller, field: str, value: Any, reason: str
) -> None:
    found = errors(caller.post("events", {**own.signed(api.event()), field: value}))
    assert list(found) == [f"/{field}"]
    assert reason in found[f"/{field}"]


CHANGED = {
    "event_type": "test.else",
    "payload": {"number": 2},
    "event_id": "0191d7a0-0000-7000-8000-0000000000a1",
    "local_timestamp": "2026-01-31T10:00:00.000001Z",
}


@pytest.mark.parametrize("member", CHANGED)
def test_a_changed_member_does_not_verify(own: Writer, caller: Caller, member: str) -> None:
    sent = {**own.signed(api.event()), member: CHANGED[member]}
    detail = errors(caller.post("events", sent))["/signature"]
    verified = json.loads(detail[detail.index("{") :])
    assert verified["ledger_id"] == registry.ledger_id("default")
    assert verified.get(member, CHANGED[member]) == CHANGED[member]


def test_a_submission_to_another_ledger_is_refused(own: Writer, caller: Caller) -> None:
    sent = own.signed(api.event(), ledger_id=OTHER_LEDGER)
    detail = errors(caller.post("events", sent))["/signature"]
    assert json.loads(detail[detail.index("{") :])["ledger_id"] != OTHER_LEDGER


def test_another_agents_submission_is_refused(own: Writer, caller: Caller) -> None:
    found = errors(api.agent("agent-7").post("events", own.signed(api.event())))
    assert found == {"/signing_key_id": "is not a key of the agent agent-7"}


@pytest.mark.parametrize("path", ["events", "events/batch", "ingest"])
def test_nothing_is_written_for_an_agent_that_signs_itself(caller: Caller, path: str) -> None:
    body: Any = [api.event()] if path == "events/batch" else api.event()
    detail = api.problem(caller.post(path, body), 403, "signature-required")
    assert "signs its own events with agent-9-own" in detail["detail"]
    assert all(name in detail["detail"] for name in THREE)


def test_an_agent_under_a_prefix_that_signs_itself_is_rejected_alone(ledger: Ledger) -> None:
    Writer("fleet/a", "fleet-a-own").register()
    token = api.issue("--agent", "fleet", "--agents-under", "fleet/", "--agent-field", "host")
    answer = Caller(token).post("ingest", [{"host": "a"}, {"host": "b"}]).json()
    assert (answer["created"], answer["rejected"]) == (1, 1)
    assert "signs its own events" in answer["errors"][0]["detail"]


# --- The rotation of a key ---


def test_an_agent_rotates_its_own_key(own: Writer, caller: Caller) -> None:
    register_people()
    new = Writer(key_id="agent-9-next")
    answer = caller.post("keys/rotate", new.registration(replaces=own))
    assert answer.status_code == 201
    key = {key.key_id: key for key in registry.list_agent_keys("default")}[new.key_id]
    assert answer.json() == {
        "key_id": new.key_id,
        "public_key": new.public_key,
        "from_sequence": key.validity.from_sequence,
        "replaces": own.key_id,
    }
    assert caller.post("events", new.signed(api.event())).status_code == 201
    old = errors(caller.post("events", own.signed(api.event())))
    assert old == {
        "/signing_key_id": "is not the active key of agent 'agent-9', which is agent-9-next"
    }


def test_a_rotation_needs_both_signatures(own: Writer, caller: Caller) -> None:
    asked = Writer(key_id="agent-9-next").registration(replaces=own)
    stranger = Writer(key_id="agent-9-next").registration(replaces=Writer(key_id=own.key_id))
    for changed in (
        {**asked, "proof": asked["replaced_proof"]},
        {**asked, "replaced_proof": asked["proof"]},
        {**asked, "key_id": "another"},
        stranger,
    ):
        detail = api.problem(caller.post("keys/rotate", changed), 400, "invalid-key")["detail"]
        assert "proof is not a signature by" in detail
    assert caller.post("events", own.signed(api.event())).status_code == 201


def test_a_token_rotates_the_key_of_its_agent_alone(own: Writer, ledger: Ledger) -> None:
    registrar().create_key("agent-6")
    asked = Writer(key_id="agent-9-next").registration(replaces=own)
    api.problem(api.agent("agent-6").post("keys/rotate", asked), 400, "invalid-key")
    api.problem(api.observer().post("keys/rotate", asked), 403, "forbidden")
    api.problem(Caller("").post("keys/rotate", asked), 401, "unauthenticated")


@pytest.mark.parametrize("field", ["key_id", "public_key", "proof", "replaces", "replaced_proof"])
@pytest.mark.parametrize("value", [None, 17, "", "\x00"])
def test_a_malformed_registration_is_refused(
    own: Writer, caller: Caller, field: str, value: Any
) -> None:
    asked: dict[str, Any] = Writer(key_id="agent-9-next").registration(replaces=own)
    response = caller.post("keys/rotate", {**asked, field: value})
    assert response.status_code == 400, response.content
    assert response.json()["type"].endswith(("invalid-key", "malformed-json"))


@pytest.mark.parametrize("body", ["[]", "1", "{}", "{", '{"more": 1}'])
def test_a_body_that_is_no_registration(caller: Caller, body: str) -> None:
    assert caller.post("keys/rotate", raw=body.encode()).status_code == 400
