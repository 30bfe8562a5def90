"""Two sets of facts compared: nothing that differs is passed over, nothing that agrees is told."""

from __future__ import annotations

from observers.guards.comparison import (
    Deviation,
    Expectations,
    compare,
    fingerprint,
    from_document,
    to_document,
    touched,
)

EXPECTED = Expectations(
    18,
    {
        ("role", "observer"): "nothing special",
        ("rights on relation", "events to observer"): "SELECT",
        ("trigger", "events.guard"): "CREATE TRIGGER …",
        ("view", "canonical_events"): "abc",
    },
)
SOUND = [(*key, value, key[0] == "view") for key, value in EXPECTED.facts.items()]


def changed(subject: str, value: str) -> list[tuple[str, str, str, bool]]:
    return [(a, s, value if s == subject else v, d) for a, s, v, d in SOUND]


def without(subject: str) -> list[tuple[str, str, str, bool]]:
    return [fact for fact in SOUND if fact[1] != subject]


def test_a_matching_catalogue_has_no_deviations() -> None:
    assert compare(EXPECTED, SOUND, 18) == []


def test_changed_missing_and_extra_guards_are_reported() -> None:
    assert compare(EXPECTED, changed("events.guard", "other"), 18) == [
        Deviation("trigger", "events.guard", "CREATE TRIGGER …", "other")
    ]
    (gone,) = compare(EXPECTED, without("events.guard"), 18)
    assert str(gone) == "trigger events.guard: expected CREATE TRIGGER …, found nothing"
    (extra,) = compare(EXPECTED, [*SOUND, ("rule", "events.hide", "DO NOTHING", True)], 18)
    assert str(extra) == "rule events.hide: expected nothing, found DO NOTHING"


def test_another_major_version_may_word_a_view_otherwise_but_not_leave_it_out() -> None:
    assert compare(EXPECTED, changed("canonical_events", "xyz"), 17) == []
    assert len(compare(EXPECTED, changed("canonical_events", "xyz"), 18)) == 1
    assert len(compare(EXPECTED, without("canonical_events"), 17)) == 1
    assert len(compare(EXPECTED, changed("events.guard", "other"), 17)) == 1


def test_facts_of_one_name_do_not_hide_one_another() -> None:
    second = ("role", "observer", "superuser", False)
    for facts in ([second, *SOUND], [*SOUND, second]):
        (told,) = compare(EXPECTED, facts, 18)
        assert "superuser" in str(told)


def test_a_portal_may_do_without_an_observer() -> None:
    nobody = [fact for fact in SOUND if "observer" not in fact[1]]
    assert compare(EXPECTED, nobody, 18) == []
    with_rights_only = [fact for fact in SOUND if fact[:2] != ("role", "observer")]
    assert [d.aspect for d in compare(EXPECTED, with_rights_only, 18)] == ["rights on relation"]


def test_a_state_has_one_fingerprint() -> None:
    one = compare(EXPECTED, without("events.guard"), 18)
    other = compare(EXPECTED, changed("events.guard", "other"), 18)
    assert fingerprint(one) == fingerprint(compare(EXPECTED, without("events.guard")[::-1], 18))
    assert len({fingerprint([]), fingerprint(one), fingerprint(other)}) == 3


def test_a_guard_that_was_altered_and_restored_is_reported() -> None:
    before = {"trigger events.guard": "1/700", "table gone": "2/700", "table kept": "3/700"}
    now = {"trigger events.guard": "1/712", "table new": "3/712", "table kept": "3/700"}
    assert [each.name for each in touched(before, now)] == ["history of trigger events.guard"]
    assert touched(now, now) == []


def test_the_file_says_what_was_read() -> None:
    assert from_document(to_document(18, SOUND)) == EXPECTED
