"""Ceremonies in the browser: proposing, signing elsewhere, approving, the halt and its end."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from django.test import Client

from events.append.services import writer
from events.format.ceremony import APPROVED, PROPOSED, proposal_of, read_proposal
from events.halting import halt
from events.tests.support import api
from events.tests.support.ceremonies import hold, person, three_people
from events.tests.support.ledger import Ledger
from observers.tests.support.pages import Reader, remove, sign_in


@pytest.fixture
def reader(ledger: Ledger) -> Reader:
    """An operator, on a ledger with people."""
    three_people(ledger)
    ledger.write(4)
    return Reader(ledger, sign_in())


def shown_statement(page: str) -> str:
    match = re.search(r'<pre class="json" id="statement"[^>]*>(.*?)</pre>', page, re.DOTALL)
    assert match, page
    return html.unescape(match[1])


def hidden(page: str, name: str) -> str:
    match = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert match, (name, page)
    return html.unescape(match[1])


def propose(reader: Reader, kind: str, **said: str) -> str:
    """The address of a ceremony that Ada proposed through the pages."""
    address = f"/ceremonies/propose?kind={kind}"
    asked = {f"detail_{name}": value for name, value in said.items()}
    page = reader.client.post(
        address, {"speaker": "Ada", "reason": "looked into", **asked}
    ).content.decode()
    proposal = read_proposal(hidden(page, "proposal"))
    assert shown_statement(page).encode() == proposal.statement(PROPOSED, "Ada")
    signed = {
        "speaker": "Ada",
        "step": PROPOSED,
        "proposal": proposal.text,
        "signature": person("Ada").sign(proposal, PROPOSED),
    }
    response = reader.client.post(address, signed)
    assert response.status_code == 302, response.content.decode()
    return str(response["Location"])


def approve(reader: Reader, address: str, name: str, signer: str = "") -> Any:
    """The answer to an approval through the page of a ceremony."""
    page = reader.text(f"{address}?speaker={name}&step={APPROVED}")
    proposal = read_proposal(hidden(page, "proposal"))
    download = reader.get(f"{address}statement?speaker={name}&step={APPROVED}")
    assert download.content == shown_statement(page).encode()
    signature = person(signer or name).sign(proposal, APPROVED)
    said = {"speaker": name, "step": APPROVED, "signature": signature}
    return reader.client.post(f"{address}vote", said)


def test_a_gap_is_documented_from_its_row(reader: Reader) -> None:
    remove(reader.ledger, 8, 9)
    link = "/ceremonies/propose?kind=sequence_skip&amp;first=8&amp;last=9"
    assert link in reader.text("/gaps/")
    form = reader.get(html.unescape(link)).context["form"]
    assert (form["detail_first"].value(), form["detail_last"].value()) == ("8", "9")
    address = propose(reader, "sequence_skip", first="8", last="9")
    assert "Waits for 2 more approvals" in reader.text(address)
    assert approve(reader, address, "Bela").status_code == 302
    assert approve(reader, address, "Cleo").status_code == 302
    page = reader.text(address)
    assert 'as <a href="/events/11/">event 11</a>, in force' in page
    assert page.index("<code>first</code>") < page.index("<code>last</code>")
    assert "Show what to sign" not in page
    assert "Events are missing" not in page


def test_a_signature_by_somebody_else_is_refused_with_a_reason(reader: Reader) -> None:
    address = propose(reader, "drift_threshold", seconds="9")
    response = approve(reader, address, "Bela", signer="Cleo")
    assert response.status_code == 400
    assert "CT-13: the signature of Bela is not of what was approved" in response.content.decode()
    assert "Waits for 2 more" in reader.text(address)


def test_the_proposer_is_not_offered_a_vote(reader: Reader) -> None:
    form = reader.get(propose(reader, "drift_threshold", seconds="9")).context["asking"]
    assert [value for value, _ in form.fields["speaker"].choices] == ["", "Bela", "Cleo"]


@pytest.mark.parametrize(
    ("kind", "said", "told"),
    [
        ("sequence_skip", {"first": "5", "last": "5"}, ""),
        ("drift_threshold", {"seconds": "soon"}, "seconds is not a number"),
        ("retire_key", {"old_key": ""}, "This field is required"),
        ("rotate_key", {"old_key": "nobody-1"}, "there is no key nobody-1"),
    ],
)
def test_an_invalid_proposal_is_explained(
    reader: Reader, kind: str, said: dict[str, str], told: str
) -> None:
    address = f"/ceremonies/propose?kind={kind}"
    asked = {f"detail_{name}": value for name, value in said.items()}
    response = reader.client.post(address, {"speaker": "Ada", "reason": "why not", **asked})
    if told:
        assert response.status_code == 400
        assert told in response.content.decode()
        return
    # What only the database knows is told when it is kept.
    proposal = read_proposal(hidden(response.content.decode(), "proposal"))
    signature = person("Ada").sign(proposal, PROPOSED)
    signed = {"speaker": "Ada", "proposal": proposal.text, "signature": signature}
    response = reader.client.post(address, signed)
    assert response.status_code == 400
    assert "not all of these numbers are missing" in response.content.decode()


def test_an_operator_halts_and_every_page_and_answer_says_so(reader: Reader) -> None:
    assert reader.client.post("/halt/", {"reason": "a fork"}).status_code == 400
    assert not reader.ledger.store.halt().halted
    done = reader.client.post("/halt/", {"reason": "a fork", "meant": "on"})
    assert done.status_code == 302
    assert reader.ledger.store.halt().halted_by == "auditor"
    for address in ("/", "/events/", "/events/4/", "/gaps/", "/ceremonies/", "/halt/"):
        assert "The ledger is halted" in reader.text(address)
    observer = api.observer()
    status = {
        "halted": True,
        "reason": "a fork",
        "since": reader.ledger.store.halt().halted_at,
    }
    for address in (
        "events",
        "events/4",
        "head",
        "continuity",
        "verification",
        "drift-warnings",
        "keys",
    ):
        answer = observer.get(address)
        assert answer.json()["system_status"] == status, address
        assert answer["System-Status"] == "halted"
    assert observer.get("export")["System-Status"] == "halted"
    for path, body in (("events", api.event()), ("events/batch", [api.event()])):
        api.problem(api.agent().post(path, body), 503, "halted")

    address = propose(reader, "clear_halt")
    approve(reader, address, "Bela")
    approve(reader, address, "Cleo")
    assert not reader.ledger.store.halt().halted
    assert "The ledger is halted" not in reader.text("/")
    assert observer.get("head")["System-Status"] == "running"


def test_the_page_of_the_halt_says_what_to_do_and_who_signed(reader: Reader) -> None:
    halt(writer(), reason="two disks disagree", by="olaf")
    since = str(reader.ledger.store.halt().halted_at)
    auditor = sign_in(staff=False, name="reader")
    line = re.search(r'<p class="banner-line">(.*?)</p>', reader.text("/events/"), re.DOTALL)
    assert line is not None
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", line[1])).strip()
    assert said.startswith(f"HALTED since {since[11:16]} UTC by olaf")
    assert 'href="/halt/"' in line[1]
    page = auditor.get("/halt/").content.decode()
    for words in ("two disks disagree", "olaf", since[11:19], "None yet."):
        assert words in page
    assert "manage.py ceremony propose clear_halt" in page
    assert "?kind=clear_halt" not in page, "an auditor proposes nothing"
    address = propose(reader, "clear_halt")
    approve(reader, address, "Bela")
    page = auditor.get("/halt/").content.decode()
    assert address in page
    assert "waits for 1 more approval" in page
    assert "<strong>proposed</strong> by Ada" in page
    assert "<strong>approved</strong> by Bela" in page
    assert "?kind=clear_halt" in reader.text("/halt/")


def test_the_proposers_text_to_sign_is_also_a_file(reader: Reader) -> None:
    address = "/ceremonies/propose?kind=drift_threshold"
    said = {"speaker": "Ada", "reason": "slow clocks", "detail_seconds": "9"}
    page = reader.client.post(address, said).content.decode()
    asked = {"speaker": "Ada", "proposal": html.unescape(hidden(page, "proposal"))}
    taken = reader.client.post(address, asked | {"download": "text"})
    assert taken.content == shown_statement(page).encode()
    assert taken["Content-Disposition"].startswith("attachment")
    assert reader.client.post(address, {"download": "text", "proposal": "x"}).status_code == 404


def test_the_signer_is_preset_to_an_account_that_is_one_of_the_people(reader: Reader) -> None:
    address = "/ceremonies/propose?kind=drift_threshold"
    assert reader.get(address).context["form"]["speaker"].initial == ""
    own = Reader(reader.ledger, sign_in(name="Ada"))
    assert own.get(address).context["form"]["speaker"].initial == "Ada"


def test_an_address_with_a_slash_too_many_leads_on(reader: Reader) -> None:
    response = reader.get("/ceremonies/propose/?kind=retire_key", 302)
    assert response["Location"] == "/ceremonies/propose?kind=retire_key"


def test_only_operators_halt_propose_and_vote(reader: Reader) -> None:
    address = propose(reader, "drift_threshold", seconds="9")
    auditor = sign_in(staff=False, name="reader")
    assert "Halt the ledger</button>" not in auditor.get("/halt/").content.decode()
    assert auditor.get("/ceremonies/propose?kind=retire_key").status_code == 403
    for path in ("/halt/", "/ceremonies/propose?kind=retire_key"):
        assert auditor.post(path, {"reason": "x", "meant": "on"}).status_code == 403
    assert auditor.post(f"{address}vote", {}).status_code == 403
    assert auditor.post(f"{address}record", {}).status_code == 403
    assert auditor.get(address).status_code == 200
    assert "Show what to sign" not in auditor.get(address).content.decode()
    assert Client().post("/halt/").status_code == 302
    assert not reader.ledger.store.halt().halted


def test_a_ceremony_that_could_not_be_recorded_is_recorded_later(reader: Reader) -> None:
    """The last vote came, and something else stood in the way."""
    address = propose(reader, "drift_threshold", seconds="9")
    approve(reader, address, "Bela")
    remove(reader.ledger, 10)
    response = approve(reader, address, "Cleo")
    assert response.status_code == 400
    assert "CT-13: events end at 9" in response.content.decode()
    assert "Record the ceremony" in reader.text(address)
    assert reader.client.post(f"{address}record").status_code == 400
    hold(reader.ledger, "sequence_skip", {"first": 10, "last": 10})
    assert reader.client.post(f"{address}record").status_code == 302
    assert "event 12" in reader.text("/ceremonies/")


def test_no_ceremony_before_there_are_people(ledger: Ledger) -> None:
    reader = Reader(ledger, sign_in())
    halt(writer(), reason="too early", by="keeper")
    assert "people add" in reader.text("/ceremonies/")
    assert "no ceremony can clear it yet" in reader.text("/halt/")
    assert "Three people must be registered" in reader.text("/ceremonies/propose?kind=clear_halt")


@pytest.mark.parametrize(
    "address",
    [
        "/ceremonies/propose",
        "/ceremonies/propose?kind=nothing",
        "/ceremonies/0191d7a0-0000-7000-8000-000000000001/",
    ],
)
def test_no_such_ceremony(reader: Reader, address: str) -> None:
    reader.get(address, 404)


@pytest.mark.parametrize("member", ["reason", "seconds"])
def test_a_proposal_that_a_browser_made_up_is_shown_as_it_is_or_refused(
    reader: Reader, member: str
) -> None:
    """The page takes the proposal's text back from the browser, and looks at it again."""
    three_people(reader.ledger)
    document = {
        "ceremony_id": "0191d7a0-0000-7000-8000-000000000001",
        "kind": "ceremony.drift_threshold",
        "details": {"seconds": "7"},
        "reason": "routine",
    }
    hostile = "ok\x1b[2J \u202e9000\nApproved by the board"
    if member == "reason":
        document["reason"] = hostile
    else:
        document["details"] = {"seconds": hostile}
    proposal = proposal_of(document)
    signed = {
        "speaker": "Ada",
        "step": PROPOSED,
        "proposal": proposal.text,
        "signature": person("Ada").sign(proposal, PROPOSED),
    }
    response = reader.client.post("/ceremonies/propose?kind=drift_threshold", signed)
    assert response.status_code == 400
    assert "must be printable characters only" in response.content.decode()
    assert reader.ledger.query("SELECT count(*) FROM ceremonies") == [(0,)]


def test_an_expired_proposal_says_so_and_takes_no_vote(reader: Reader) -> None:
    three_people(reader.ledger)
    address = propose(reader, "drift_threshold", seconds="7")
    page = reader.text(address)
    assert "It expires" in page
    assert "Show what to sign" in page
    reader.ledger.tamper("UPDATE ceremonies SET recorded_at = recorded_at - interval '31 days'")
    page = reader.text(address)
    assert "Expired" in page
    assert "Show what to sign" not in page
    assert "expired" in reader.text("/ceremonies/")


def test_records_written_before_a_halt_ends_are_shown_to_approvers(reader: Reader) -> None:
    three_people(reader.ledger)
    with reader.ledger.connect() as application:
        application.execute("SELECT halt_ledger('a fork', 'Ada')")
    page = reader.text(propose(reader, "clear_halt"))
    assert "unwritten" in page
    assert "&quot;event_type&quot;:&quot;system.halted&quot;" in page
    assert "&quot;reason&quot;:&quot;a fork&quot;" in page


def test_a_recorded_ceremony_is_shown_as_its_event_tells_it(ledger: Ledger) -> None:
    """The page shows it with any change to its rows."""
    held = hold(ledger, "drift_threshold", {"seconds": "7.5"})
    name = json.loads(held.payload)["ceremony_id"]
    ledger.tamper(
        "UPDATE ceremonies SET content = jsonb_set(content, '{proposal}', to_jsonb(replace("
        "content ->> 'proposal', '7.5', '9999'))) WHERE step = 'proposed'",
        "UPDATE ceremonies SET person = 'Zorro' WHERE person = 'Bela'",
    )
    reader = Reader(ledger, sign_in(staff=False))
    page = reader.get(f"/ceremonies/{name}/").content.decode()
    assert "7.5" in page
    assert "9999" not in page
    assert "Zorro" not in page
    assert "Bela" in page
    ledger.tamper(
        """UPDATE ceremonies SET content = '{"sequence": 99}' WHERE step = 'recorded'""",
    )
    page = reader.get(f"/ceremonies/{name}/").content.decode()
    assert "Event 99 does not record this ceremony" in page
