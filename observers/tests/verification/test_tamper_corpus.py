"""Every case of the tamper corpus is found where it says, and nowhere else; `docs/tampering.md` is
compared with the cases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from events.append.services import writer
from events.errors import HeadMismatchError
from events.tests.support.ledger import Ledger, submission
from observers.tests.corpus import CASES
from observers.tests.corpus.case import PAGE, VERIFY, WATCH, Case, as_superuser
from observers.tests.corpus.examination import Seen, look
from observers.tests.corpus.table import PAGE_FILE, render
from observers.tests.support.commands import run


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_found_where_the_corpus_says(ledger: Ledger, case: Case) -> None:
    try:
        seen = look(case, ledger)
    finally:
        as_superuser(*case.undo)(ledger, [])
    if case.among_others:
        named = [each for each in seen.watched if not each.startswith("guards ")]
        named += [each for each in seen.watched if each in case.watched and each not in named]
        seen = replace(seen, watched=tuple(sorted(named)))
    assert seen == Seen(
        case.verified,
        tuple(sorted(case.watched)),
        case.recorded,
        case.banner,
        case.event,
        seen.saved_head or case.saved_head,
    )
    if case.saved_head:
        assert seen.saved_head


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_falsification_that_is_missed_has_its_reason(case: Case) -> None:
    found = {VERIFY: case.verified, WATCH: case.watched, PAGE: case.banner or case.event}
    assert set(case.because) == {observer for observer, what in found.items() if not what}
    assert case.who.endswith(".")


def test_the_page_is_the_corpus() -> None:
    assert render() in PAGE_FILE.read_text(encoding="utf-8"), (
        "manage.py shell -c 'from observers.tests.corpus.table import write; write()'"
    )


def test_each_finding_is_named_for_people(ledger: Ledger) -> None:
    ledger.write(3)
    ledger.tamper("""UPDATE events SET payload = '"changed"' WHERE sequence = 5""")
    ran = run("verify_ledger")
    assert ran.code == 1
    assert "sequence 5: check 3, payload_hash: the payload hashes to" in ran.text
    assert ran.text.rstrip().endswith("NOT SOUND: 1 findings.")


@pytest.mark.parametrize(
    "cut", ["DELETE FROM events WHERE sequence = 6", "DELETE FROM appends WHERE last_sequence = 6"]
)
def test_nothing_is_appended_to_a_ledger_whose_tail_is_not_its_head(
    ledger: Ledger, cut: str
) -> None:
    ledger.write(3)
    ledger.tamper(cut)
    with pytest.raises(HeadMismatchError, match="CT-13"):
        writer().write_event(submission())
