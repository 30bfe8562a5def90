"""Laying canonical JSON out on lines adds white space and escapes, and changes no value."""

from __future__ import annotations

import pytest
from hypothesis import given

from events.format.canonical import canonicalize, canonicalize_text
from events.format.canonical_layout import lay_out, pretty
from events.format.names import show
from events.tests.support.json_values import ANY_JSON


@given(ANY_JSON)
def test_means_the_same_json(value: object) -> None:
    canonical = canonicalize(value)
    assert canonicalize_text(pretty(canonical.decode()), stored=True) == canonical


@pytest.mark.parametrize(
    ("canonical", "laid_out"),
    [
        ("{}", "{}"),
        ("[]", "[]"),
        ('{"a":[1,-9223372036854775808]}', '{\n  "a": [\n    1,\n    -9223372036854775808\n  ]\n}'),
        ('{"a":{},"b":[[]]}', '{\n  "a": {},\n  "b": [\n    []\n  ]\n}'),
        ('"[{,:}]\\""', '"[{,:}]\\""'),
        ('"\u202egnp.exe"', '"\\u202egnp.exe"'),
    ],
)
def test_layout(canonical: str, laid_out: str) -> None:
    assert pretty(canonical) == laid_out


def test_tells_keys_from_values() -> None:
    kinds = {piece.text: piece.kind for piece in lay_out('{"k":"v","n":1e+21,"w":null}')}
    assert (kinds['"k"'], kinds['"v"'], kinds["1e+21"], kinds["null"]) == (
        "key",
        "string",
        "number",
        "word",
    )


def test_leaves_what_can_be_seen() -> None:
    assert show("Łódź 🔒 שלום") == "Łódź 🔒 שלום"
