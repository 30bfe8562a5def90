"""The pages of verifications: asking, watching, cancelling, and the record that stays."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from events.models import Verification
from events.tests.support.ledger import OPENING, Ledger
from observers.pages.verifications import record as verification_record
from observers.pages.verifications import views as verifications
from observers.tests.support.pages import Reader, remove, sign_in
from observers.verification.checks import Check
from observers.verification.strays import pieces_of
from observers.verification_jobs import tasks
from observers.verification_jobs.records import ask_to_cancel
from observers.verification_jobs.runner import Stopped, run_verification
from observers.verification_jobs.tasks import request

LIST = "/verifications/"


@pytest.fixture
def reader(ledger: Ledger) -> Reader:
    """Signed in, before a ledger of eight events."""
    ledger.write(8 - OPENING)
    return Reader(ledger, sign_in())


def ask(start: int = 1, end: int = 8, by: str = "auditor") -> int:
    return request(requested_by=by, start=start, end=end).pk


def half_done(number: int) -> None:
    """Leave a verification running with one checkpoint behind it."""
    seen = iter(range(100))
    # Two events, the tables compared with their indexes, and the next event.
    asked_before = 2 + len(list(pieces_of("default")))
    with pytest.raises(Stopped):
        run_verification(number, size=2, stopping=lambda: next(seen) == asked_before)


def words(page: str) -> str:
    """The text of a page, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))


@pytest.mark.parametrize(
    ("fields", "bounds"),
    [({}, (1, 8)), ({"start": "3"}, (3, 8)), ({"start": "2", "end": "5"}, (2, 5))],
)
def test_asks_for_a_range(reader: Reader, fields: dict[str, str], bounds: tuple[int, int]) -> None:
    response = reader.client.post("/verifications/start", fields)
    record = Verification.objects.get()
    assert response.status_code == 302
    assert response["Location"] == f"/verifications/{record.pk}/"
    assert (record.start_sequence, record.end_sequence) == bounds
    assert (record.requested_by, record.state) == ("auditor", "waiting")
    assert reader.ledger.query("SELECT args FROM procrastinate_jobs") == [
        ({"verification_id": record.pk},)
    ]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"start": "9"}, "The last event is 8."),
        ({"end": "9"}, "The last event is 8."),
        ({"start": "5", "end": "4"}, "The range ends before it starts."),
        ({"start": "0"}, "greater than or equal to 1"),
        ({"end": "99999999999999999999999"}, "The last event is 8."),
        ({"start": "one"}, "Enter a whole number."),
        ({"start": "٣"}, "Enter a whole number."),
    ],
)
def test_a_wrong_range_is_explained(reader: Reader, fields: dict[str, str], says: str) -> None:
    response = reader.client.post("/verifications/start", fields)
    assert response.status_code == 400
    assert says in response.content.decode()
    assert not Verification.objects.exists()


def test_an_empty_ledger_has_nothing_to_verify(unopened: Ledger) -> None:
    reader = Reader(unopened, sign_in())
    assert "nothing to verify" in reader.text(LIST)
    assert "<form" not in reader.text(LIST).split("<main")[1].split("</main")[0]
    response = reader.client.post("/verifications/start")
    assert response.status_code == 400


def test_a_crowd_of_requests_is_explained(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "MAX_OPEN", 1)
    ask()
    response = reader.client.post("/verifications/start")
    assert response.status_code == 400
    assert "Wait for one to end, or cancel one." in response.content.decode()


def test_needs_an_account_and_a_token_of_ours(reader: Reader) -> None:
    number = ask()
    acts = ("/verifications/start", f"/verifications/{number}/cancel")
    for address in acts:
        assert reader.client.get(address).status_code == 405
        response = Client().post(address)
        assert response.status_code == 302
        assert response["Location"].startswith("/login/?next=")
        strict = Client(enforce_csrf_checks=True)
        strict.cookies = reader.client.cookies
        assert strict.post(address).status_code == 403
    assert Client().get(f"/verifications/{number}/").status_code == 302
    assert Verification.objects.get().state == "waiting"


def test_shows_how_far_it_is(reader: Reader) -> None:
    number = ask()
    address = f"/verifications/{number}/"
    assert "Waiting for the worker" in words(reader.text(address))
    half_done(number)
    page = reader.text(address)
    assert 'value="25"' in page
    assert "25 % 2 of 8 numbers" in words(page)
    assert "Reload" in page
    assert f'hx-get="{address}progress"' in page

    part = reader.client.get(f"{address}progress", headers={"HX-Request": "true"})
    assert "25 % 2 of 8 numbers" in words(part.content.decode())
    assert "<html" not in part.content.decode()
    run_verification(number)
    part = reader.client.get(f"{address}progress", headers={"HX-Request": "true"})
    assert (part["HX-Refresh"], part.content) == ("true", b"")
    assert "hx-get" not in reader.text(address)


def test_says_that_perhaps_no_worker_runs(reader: Reader) -> None:
    number = ask()
    assert "manage.py worker" not in reader.text(f"/verifications/{number}/")
    with reader.ledger.tampering() as superuser:
        superuser.execute("ALTER TABLE verifications DISABLE TRIGGER ALL")
        superuser.execute("UPDATE verifications SET requested_at = now() - interval '1 minute'")
    assert "manage.py worker" in reader.text(f"/verifications/{number}/")


def test_progress_by_itself_leads_to_its_page(reader: Reader) -> None:
    number = ask()
    plain = reader.client.get(f"/verifications/{number}/progress")
    assert (plain.status_code, plain["Location"]) == (302, f"/verifications/{number}/")
    logged_out = Client().get(f"/verifications/{number}/progress", headers={"HX-Request": "true"})
    assert (logged_out["HX-Refresh"], logged_out.content) == ("true", b"")


def test_a_sound_record(reader: Reader) -> None:
    number = ask()
    run_verification(number)
    page = reader.text(f"/verifications/{number}/")
    text = words(page)
    assert (
        "Sound. Every check passed on every event of the range, and no number is missing." in text
    )
    assert reader.ledger.store.head().content_hash in page
    assert "by auditor" in text
    assert page.count('class="pass"') == len(Check)
    assert "verify_ledger --start 1 --end 8" in page


def test_an_unsound_record_leads_to_the_events(reader: Reader) -> None:
    remove(reader.ledger, 4, 5)
    reader.ledger.tamper("UPDATE events SET payload = '{\"number\": 99}' WHERE sequence = 7")
    number = ask()
    run_verification(number)
    page = reader.text(f"/verifications/{number}/")
    assert "Not sound: 2 findings." in words(page)
    findings = page.split('id="findings"')[1]
    assert re.findall(r'href="/events/(\d+)/"', findings) == ["4", "7"]
    assert "sequences 4 to 5 (2) are missing, unexplained" in findings
    assert page.count('class="fail"') == 2
    assert "Sound." not in words(page)


def test_many_findings_are_folded_and_counted(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.ledger.write(OPENING)
    reader.ledger.tamper("UPDATE events SET payload = '{\"number\": 99}' WHERE sequence > 3")
    monkeypatch.setattr(verification_record, "LISTED", 3)
    monkeypatch.setattr("observers.verification_jobs.records.KEPT", 5)
    number = ask(end=11)
    run_verification(number)
    page = reader.text(f"/verifications/{number}/")
    assert "<summary>2 more</summary>" in page
    assert "3 further findings are counted, not kept." in words(page)
    before, folded = page.split('<details class="findings-more">')
    assert before.split('id="findings"')[1].count('href="/events/') == 3
    assert folded.count('href="/events/') == 2


def test_cancels_what_waits_and_what_runs(reader: Reader) -> None:
    waiting, running = ask(), ask()
    half_done(running)
    for number in (waiting, running):
        assert "Cancel verification" in reader.text(f"/verifications/{number}/")
        response = reader.client.post(f"/verifications/{number}/cancel")
        assert response["Location"] == f"/verifications/{number}/"
    page = reader.text(f"/verifications/{waiting}/")
    assert "Cancelled by auditor before it began. Nothing was verified." in words(page)
    page = reader.text(f"/verifications/{running}/")
    assert "Stopping at the next checkpoint, as auditor asked." in words(page)
    assert "Cancel verification" not in page
    run_verification(running)
    text = words(reader.text(f"/verifications/{running}/"))
    assert "Cancelled by auditor after sequence 2. Nothing wrong was found up to there" in text
    assert "Sound." not in text


def test_only_who_asked_and_the_staff_may_cancel(reader: Reader) -> None:
    reader_only = sign_in(staff=False, name="reader")
    theirs = ask(by="auditor")
    assert (
        "Cancel verification" not in reader_only.get(f"/verifications/{theirs}/").content.decode()
    )
    assert reader_only.post(f"/verifications/{theirs}/cancel").status_code == 403
    assert Verification.objects.get().state == "waiting"
    own = ask(by="reader")
    assert reader_only.post(f"/verifications/{own}/cancel").status_code == 302
    assert Verification.objects.get(pk=own).state == "cancelled"
    assert reader.client.post(f"/verifications/{theirs}/cancel").status_code == 302
    assert Verification.objects.get(pk=theirs).cancelled_by == "auditor"


def test_cancelling_what_has_ended_changes_nothing(reader: Reader) -> None:
    number = ask()
    run_verification(number)
    assert reader.client.post(f"/verifications/{number}/cancel").status_code == 302
    assert Verification.objects.get().state == "finished"


def test_a_failure_is_shown_as_it_is(reader: Reader) -> None:
    number = ask()
    with reader.ledger.connect() as app:
        app.execute(
            "UPDATE verifications SET state = 'failed', ended_at = now(),"
            " failure = 'ValueError: <b>a fault</b>'"
        )
    page = reader.text(f"/verifications/{number}/")
    assert "Could not be finished" in page
    assert "&lt;b&gt;a fault&lt;/b&gt;" in page


@pytest.mark.parametrize("direction", ["older", "newer"])
def test_pages_meet_every_record_once(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, direction: str
) -> None:
    monkeypatch.setattr(verifications, "PAGE", 3)
    numbers = [ask() for _ in range(10)]
    address = LIST if direction == "older" else f"{LIST}?after=0"
    seen: list[int] = []
    while address:
        context = reader.get(address).context
        page = [shown.record.pk for shown in context["records"]]
        seen = seen + page if direction == "older" else page + seen
        onward = getattr(context["page"], direction)
        address = f"{LIST}{onward}" if onward else ""
    assert seen == numbers[::-1]


def test_the_list_says_how_each_ended(reader: Reader) -> None:
    sound, cancelled, open_one, unsound = ask(), ask(), ask(), ask(6, 6)
    run_verification(sound)
    ask_to_cancel(cancelled, "auditor")
    half_done(open_one)
    reader.ledger.tamper("UPDATE events SET payload = '{\"number\": 99}' WHERE sequence = 6")
    run_verification(unsound)
    verdicts = re.findall(r'result-(\w+)">([^<]+)<', reader.text(LIST))
    assert verdicts == [
        ("bad", "not sound"),
        ("open", "running"),
        ("open", "cancelled"),
        ("ok", "sound"),
    ]


def test_a_range_in_the_address_fills_the_form(reader: Reader) -> None:
    page = reader.text(f"{LIST}?start=2&end=5")
    assert re.search(r'name="start" value="2"', page)
    assert re.search(r'name="end" value="5"', page)


@pytest.mark.parametrize("query", ["before=x", "after=-1", "start=0", "end=1.5"])
def test_a_wrong_address_is_explained(reader: Reader, query: str) -> None:
    assert 'class="field-error"' in reader.text(f"{LIST}?{query}", status=400)


@pytest.mark.parametrize("number", [1, 2**63, 10**30])
def test_a_verification_that_is_not_there(reader: Reader, number: int) -> None:
    assert reader.client.get(f"/verifications/{number}/").status_code == 404
    assert reader.client.post(f"/verifications/{number}/cancel").status_code == 404


def test_the_job_queue_is_not_in_the_admin(reader: Reader) -> None:
    ask()
    assert "procrastinate" not in reader.text("/admin/").lower()
    reader.get("/admin/procrastinate/procrastinatejob/", status=404)
