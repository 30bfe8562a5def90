"""Renders the corpus as the table of `docs/tampering.md`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from observers.tests.corpus import SUBJECTS
from observers.tests.corpus.case import PAGE, VERIFY, WATCH, Case

PAGE_FILE = Path(settings.BASE_DIR) / "docs" / "tampering.md"
BEGIN, END = "<!-- the corpus begins -->\n", "<!-- the corpus ends -->\n"


def render() -> str:
    """Every subject and its cases, between the two marks."""
    return BEGIN + "\n" + "\n".join(_sections()) + "\n" + END


def write() -> None:
    """Put the table into the page."""
    text = PAGE_FILE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE_FILE.write_text(before + render() + after, encoding="utf-8")


def _sections() -> Iterator[str]:
    for subject, cases in SUBJECTS.items():
        yield f"### {subject}\n"
        yield "| what | who, and how | verify_ledger | watch | pages |"
        yield "|---|---|---|---|---|"
        yield from (_row(case) for case in cases)
        yield ""


def _row(case: Case) -> str:
    cells = (case.name, case.who, _verified(case), _watched(case), _shown(case))
    return "| " + " | ".join(cells) + " |"


def _missed(case: Case, observer: str) -> str:
    return f"*no: {case.because[observer]}*"


def _verified(case: Case) -> str:
    if not case.verified:
        return _missed(case, VERIFY)
    places: dict[tuple[str, ...], list[int]] = {}
    for sequence in sorted({sequence for sequence, _ in case.verified}):
        checks = tuple(check for place, check in case.verified if place == sequence)
        places.setdefault(checks, []).append(sequence)
    return "; ".join(f"{_at(found)}: {', '.join(c)}" for c, found in places.items())


def _at(sequences: list[int]) -> str:
    if len(sequences) > 2 and sequences[-1] - sequences[0] == len(sequences) - 1:
        return f"{sequences[0]} to {sequences[-1]}"
    return ", ".join(map(str, sequences))


def _watched(case: Case) -> str:
    if not case.watched:
        return _missed(case, WATCH)
    told = "" if case.recorded else " (told, though the ledger cannot take its event)"
    more = " and other guards" if case.among_others else ""
    return "; ".join(f"`{each}`" for each in sorted(case.watched)) + more + told


def _shown(case: Case) -> str:
    if not case.banner and not case.event:
        return _missed(case, PAGE)
    banner = [f"every page: “{title}.”" for title in case.banner]
    event = [f"event {case.event[0]}: {', '.join(case.event[1])}"] if case.event else []
    return "; ".join(banner + event)
