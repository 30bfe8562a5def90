"""Only results of verifications that the portal sealed are trusted; the application's role can
write such rows too."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from events.models import Verification, VerificationRange
from events.tests.support.ledger import Ledger
from observers.tests.support.commands import run
from observers.tests.support.pages import Reader, sign_in
from observers.verification_jobs import records
from observers.verification_jobs.history import latest
from observers.verification_jobs.records import ForgedRecordError
from observers.verification_jobs.runner import run_shared, run_verification, work_at_one
from observers.verification_jobs.tasks import request

FORGED = (
    "INSERT INTO verifications (id, requested_by, start_sequence, end_sequence, state, runs,"
    " started_at, ended_at, reached_sequence, checked, last_content_hash, seal)"
    " SELECT {number}, 'auditor', 1, 6, 'finished', 1, now(), now(), 6, 6, e.content_hash, {seal}"
    " FROM events e WHERE e.sequence = 6"
)


def edit(ledger: Ledger) -> None:
    ledger.tamper("""UPDATE events SET payload = '"changed"' WHERE sequence = 4""")


def asked(end: int = 6) -> int:
    return int(request(requested_by="auditor", start=1, end=end).pk)


SEALS = {
    "none": "NULL",
    "anybody's": "repeat('a', 64)",
    "another record's": "(SELECT seal FROM verifications WHERE id = 1)",
}


@pytest.mark.parametrize("seal", SEALS)
def test_a_record_that_somebody_wrote_is_nobodys_base(ledger: Ledger, seal: str) -> None:
    ledger.write(3)
    run_verification(asked())
    first = Verification.objects.get()
    edit(ledger)
    with ledger.connect("portal_app") as application:
        application.execute(FORGED.format(number=2, seal=SEALS[seal]))
    found = latest()
    assert found.forged is not None
    assert (found.finished, found.sound, found.forged.pk) == (first, first, 2)
    with ledger.connect("portal_app") as application:
        application.execute(FORGED.format(number=3, seal="NULL"))
    reader = Reader(ledger, sign_in(staff=False))
    assert "not from this portal" in reader.text("/verifications/")
    page = reader.text("/verifications/3/")
    assert "Not from this portal." in page
    assert "Every check passed" not in page
    titles = [alarm.title for alarm in reader.get("/").context["outlook"].alarms()]
    assert "A verification record is not from this portal" in titles


def test_without_a_record_of_its_own_nothing_is_gone_on_from(ledger: Ledger) -> None:
    ledger.write(3)
    edit(ledger)
    with ledger.connect("portal_app") as application:
        application.execute(FORGED.format(number=1, seal="NULL"))
    ran = run("verify_ledger", "--since-last-sound")
    assert ran.code == 2
    assert "no sound verification from sequence 1 is on record" in ran.text


MOVED = {
    "beyond the edited event": "reached_sequence = 5, checked = 5",
    "to its end": "reached_sequence = 6, checked = 6",
    "more found": "finding_count = 3",
    "a clock that stepped back": "backward_steps = 3",
}


@pytest.mark.parametrize("change", MOVED)
def test_a_record_that_somebody_moved_on_is_not_gone_on_with(ledger: Ledger, change: str) -> None:
    ledger.write(3)
    number = asked()
    edit(ledger)
    with ledger.connect("portal_app") as application:
        application.execute(f"UPDATE verifications SET {MOVED[change]}")
    run_verification(number)
    record = Verification.objects.get()
    assert record.state == "failed"
    assert "was not noted by this portal" in str(record.failure)
    assert latest().finished is None


def test_between_two_slices_too(ledger: Ledger) -> None:
    ledger.write(3)
    taken = records.claim(asked())
    assert taken is not None
    with ledger.connect("portal_app") as application:
        application.execute("UPDATE verifications SET checked = 5")
    with pytest.raises(ForgedRecordError):
        run_shared(taken, lambda: False, lambda *_: None, size=2)


def test_a_range_forged_as_verified_is_not_counted(ledger: Ledger) -> None:
    ledger.write(3)
    edit(ledger)
    taken = records.claim(asked())
    assert taken is not None
    figures = (
        '{"checked": 6, "findings": [], "finding_count": 0, "documented_gaps": [],'
        ' "backward_steps": 0, "last_content_hash": null, "seconds": 1}'
    )
    with ledger.connect("portal_app") as application:
        application.execute(
            "INSERT INTO verification_ranges (verification_id, start_sequence, end_sequence,"
            f" figures) VALUES ({taken.pk}, 1, 6, '{figures}')"
        )
    with pytest.raises(ForgedRecordError):
        run_shared(taken, lambda: False, lambda *_: None, size=2)


def test_a_checkpoint_noted_by_the_portal_is_continued(ledger: Ledger) -> None:
    ledger.write(3)
    taken = records.claim(asked())
    assert taken is not None
    assert work_at_one(taken.pk, lambda: False) is False
    ended = run_shared(taken, lambda: False, lambda *_: None, size=2)
    assert (ended.state, ended.is_sound) == ("finished", True)
    assert latest().sound == ended
    assert VerificationRange.objects.count() == 0


def test_with_another_secret_nothing_is_believed(ledger: Ledger, settings: Settings) -> None:
    ledger.write(3)
    run_verification(asked())
    settings.SECRET_KEY = "another" * 10
    assert latest().sound is None
    assert latest().forged is not None
