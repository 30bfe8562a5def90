"""Names and short texts: what they may hold, when two are one, and that SQL says the same."""

from __future__ import annotations

import re
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.format import names
from events.format.ceremony import KINDS
from events.tests.support.ledger import Ledger

ROOT = Path(__file__).parents[3]
EVERY = [chr(place) for place in range(1, sys.maxunicode + 1) if not 0xD800 <= place < 0xE000]
ASSIGNED = [c for c in EVERY if unicodedata.category(c) not in ("Cn", "Co")]
INVISIBLE = {
    "a control": "A\x1bda",
    "a C1 control": "A\x9bda",
    "no-break space": "A\xa0da",
    "soft hyphen": "A\xadda",
    "zero width": "A\u200bda",
    "joiner": "A\u200dda",
    "direction": "Ada\u202e",
    "isolate": "Ada\u2066",
    "grapheme joiner": "A\u034fda",
    "variation selector": "A\ufe0fda",
    "variation selector beyond the BMP": "A\U000e0100da",
    "tag": "A\U000e0041da",
    "Hangul filler": "A\u3164da",
    "halfwidth filler": "A\uffa0da",
    "braille blank": "A\u2800da",
    "line separator": "A\u2028da",
    "byte order mark": "\ufeffAda",
    "half a pair": "A\ud800da",
}


@pytest.mark.parametrize("text", INVISIBLE.values(), ids=INVISIBLE.keys())
def test_invisible_characters_are_refused_in_every_text(text: str) -> None:
    for check in (names.wrong_reason, names.wrong_name, lambda text: names.wrong_text(text, 200)):
        assert "printable" in str(check(text))
    assert names.show(text) != text
    assert names.show(text).isprintable()
    assert names.wrong_reason(names.shown(text, 2000)) is None


WRONG_NAMES = {
    "": "1 to 200",
    "x" * 201: "1 to 200",
    " ": "space",
    " Ada": "space",
    "Ada ": "space",
    "Ada  Lovelace": "two spaces",
    "Jose\u0301": "NFC",
    "\u0301Ada": "combining mark",
}


@pytest.mark.parametrize(("name", "why"), WRONG_NAMES.items())
def test_a_name_that_two_people_could_read_as_one_is_refused(name: str, why: str) -> None:
    assert why in str(names.wrong_name(name))


@pytest.mark.parametrize(
    "name", ["Ada", "José", "Νίκος", "Łódź", "山田 太郎", "محمد", "O'Neil", "Ⅻ"]
)
def test_names_of_every_script_are_accepted(name: str) -> None:
    assert names.wrong_name(name) is None
    assert names.show(name) == name


SAME = [
    ("ΝΙΚΟΣ", "νικος"),
    ("Élodie", "élodie"),
    ("straße", "STRASSE"),
    ("Ａｄａ", "ada"),
    ("Ǆon", "džon"),
    ("ᾳ", "ΑΙ"),
    ("ILGIN", "ılgın"),
    ("ꭰᎠ", "Ꭰꭰ"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_names_of_one_fold(one: str, other: str) -> None:
    assert names.fold(one) == names.fold(other)


def test_a_fold_is_no_weaker_than_the_caseless_match_of_unicode() -> None:
    """Characters equal under NFKC and casefold are equal here; checked for all of Unicode."""
    folds: dict[str, str] = {}
    for character in ASSIGNED:
        caseless = unicodedata.normalize("NFKC", character).casefold()
        caseless = unicodedata.normalize("NFKC", caseless)
        assert folds.setdefault(caseless, names.fold(character)) == names.fold(character)


def test_sql_folds_every_character_alike(ledger: Ledger) -> None:
    rows = ledger.query(
        "SELECT c, name_fold(c) FROM unnest(%s::text[]) c", [[c for c in ASSIGNED if c != "\0"]]
    )
    assert [(c, f) for c, f in rows if f != names.fold(c)] == []


def test_sql_sees_every_character_alike(ledger: Ledger) -> None:
    """`is_text` refuses what `UNSEEN` has; Python refuses besides what has no fixed meaning, and
    signs that only go before digits."""
    rows = ledger.query("SELECT c, is_text('a' || c || 'a', 3) FROM unnest(%s::text[]) c", [EVERY])
    assert [c for c, taken in rows if taken != (names._UNSEEN.search(c) is None)] == []
    loose = {
        unicodedata.category(c)
        for c, taken in rows
        if taken and names.wrong_text(f"a{c}a", 3) is not None
    }
    assert loose <= {"Cn", "Co", "Cf"}


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(texts=st.lists(TEXTS, min_size=50, max_size=200))
def test_sql_refuses_no_name_that_python_takes(ledger: Ledger, texts: list[str]) -> None:
    rows = ledger.query(
        "SELECT t, is_name(t), is_reason(t), name_fold(t) FROM unnest(%s::text[]) t", [texts]
    )
    for text, name, reason, fold in rows:
        if names.wrong_name(text) is None:
            assert name
            assert fold == names.fold(text)
        if names.wrong_reason(text) is None:
            assert reason


IMITATIONS = [
    "system.halted",
    "System.halted",
    "SYSTEM.HALTED",
    " system.halted",
    "s y s t e m .halted",
    "system.ha1ted",
    "system.haIted",
    "SYSTEM.STRAY_R0W",
    "system.stray_rovv",
    "sequence.gap_detected",
    "system.import_started",
    "system.h\u0430lted",
    "system.démarré",
    "ceremony.anything",
    "ſystem.x",
    "systеm.halted",
    "ЅУЅТЕМ.halted",
    "ѕуѕтем.halted",
    "ｓｙｓｔｅｍ．halted",
    "𝐬𝐲𝐬𝐭𝐞𝐦.halted",
    "ⓢⓨⓢⓣⓔⓜ.halted",
    "systern.halted",
    "system․halted",
    "system。halted",
    "cerem0ny.clear_halt",
    "сеrеmоny.clear_halt",
    "Ceremony.sequence_skip",
    "SEQUENCE.gap_detected",
    "seque\u0578ce.gap",
    "\U0001f162\U0001f168\U0001f162\U0001f163\U0001f154\U0001f15c.halted",
    "\U0001f182\U0001f188\U0001f182\U0001f183\U0001f174\U0001f17c.halted",
    "\U0001f1f8\U0001f1fe\U0001f1f8\U0001f1f9\U0001f1ea\U0001f1f2.halted",
    "\u24ae\u24b4\u24ae\u24af\u24a0\u24a8.halted",
    "\uabaa\uab79\uabaa\uab72\uab7c\uab87.halted",
    "\U000118c1ystem.halted",
    "\U00016f3aystem.halted",
    "system\ua78fhalted",
    "system\U00010101halted",
    "\u0323system.halted",
    "s\u0332y\u0332s\u0332t\u0332e\u0332m\u0332.halted",
    "c\u0332eremony.clear_halt",
    "seq\u0336uence.gap",
]
ORDINARY = [
    "system",
    "system.api_token.create",
    "system.email.delivery",
    "system.halted.host",
    "system.halt",
    "system.key_added",
    "sequence.started",
    "s y s t e m .x",
    "systems.halted",
    "systematic.x",
    "system-halted",
    "ecosystem.halted",
    "séquence.terminée",
    "se\u0301quence.terminée",
    "système.démarré",
    "cérémonie.ouverte",
    "система.запуск",
    "последовательность.начата",
    "σύστημα.άνοιξε",
    "ceremonial.x",
    "sequenced.x",
    "事件.开始",
    "نظام.بدأ",
]


def test_types_that_imitate_the_ledgers_own(ledger: Ledger) -> None:
    for event_type in IMITATIONS:
        assert names.imitated_type(event_type), event_type
    for event_type in ORDINARY:
        assert names.imitated_type(event_type) is None, event_type
    rows = ledger.query(
        "SELECT t, imitates_system(t) FROM unnest(%s::text[]) t", [IMITATIONS + ORDINARY]
    )
    assert [t for t, imitates in rows if imitates] == IMITATIONS


def test_reserved_are_exactly_the_types_that_the_code_writes() -> None:
    """Every text of the code that is a type of the ledger's own; and none is listed without one."""
    rooms = [ROOT / room for room in ("events", "observers", "auditportal")]
    listed_in = {"names.py", "names.sql"}
    written: set[str] = set()
    for room in rooms:
        for path in (*room.rglob("*.py"), *room.rglob("*.sql")):
            if "tests" not in path.parts and path.name not in listed_in:
                found = re.findall(r"[\"']((?:system|sequence)\.[a-z_]+)[\"']", path.read_text())
                written.update(found)
    assert written - _names_of_queries() == set(names.RESERVED_TYPES)
    assert list(names.RESERVED_TYPES) == sorted(names.RESERVED_TYPES)
    assert all(kind.event_type.startswith(names.CEREMONIES) for kind in KINDS.values())


def _names_of_queries() -> set[str]:
    """The queries of `sequence.sql` are called `sequence.…` too."""
    files = (ROOT / "events" / "sql" / "queries").glob("*.sql")
    heading = re.compile(r"^-- name: (\w+)", re.MULTILINE)
    return {f"{f.stem}.{name}" for f in files for name in heading.findall(f.read_text())}


def test_the_documentation_lists_the_same_reserved_types() -> None:
    page = (ROOT / "docs" / "http-writing.md").read_text()
    section = page.partition("\n## Names and types\n")[2].partition("\n## ")[0]
    listed = re.findall(r"`((?:system|sequence|ceremony)\.[a-z_]+)`", section)
    kinds = [kind.event_type for kind in KINDS.values()]
    assert sorted(listed) == sorted([*names.RESERVED_TYPES, *kinds])


def test_the_database_refuses_the_reserved_types_and_no_other(ledger: Ledger) -> None:
    others = [f"{name}s" for name in names.RESERVED_TYPES]
    rows = ledger.query(
        "SELECT t FROM unnest(%s::text[]) t WHERE imitates_system(t)",
        [[*names.RESERVED_TYPES, *others]],
    )
    assert [name for (name,) in rows] == list(names.RESERVED_TYPES)


LIKE = st.text(
    st.sampled_from(
        [*map(chr, names.LOOK_ALIKES), *"SYSTEMsequcrony.0 1lI|vw_ha\u0301\u0332\u0336"]
    ),
    max_size=4,
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(texts=st.lists(st.builds("{}{}{}".format, LIKE, st.sampled_from(IMITATIONS), LIKE)))
def test_sql_and_python_find_the_same_imitations(ledger: Ledger, texts: list[str]) -> None:
    rows = ledger.query("SELECT t, imitates_system(t) FROM unnest(%s::text[]) t", [texts])
    for text, imitates in rows:
        assert imitates == (names.imitated_type(text) is not None), text


def test_shown_json_keeps_its_value() -> None:
    assert names.show('"\U000e0041\u202e"') == '"\\udb40\\udc41\\u202e"'
    assert names.show("two\nlines\x1b", keep="\n") == "two\nlines\\u001b"
