"""A payload as a tree: every part once, exactly, and folded where there is much of it."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from hypothesis import given

from events.append.services import writer
from events.format.canonical import canonicalize, parse
from events.tests.support.json_values import ANY_JSON
from events.tests.support.ledger import Ledger, submission
from observers.pages.event.figures import FEW_NODES, MAX_NODES, Node, grow_tree
from observers.tests.support.pages import Reader, sign_in


def harvest(nodes: tuple[Node, ...]) -> str:
    """The JSON text that a tree shows, put together again."""
    text = ""
    closing: list[str] = []
    for node in nodes:
        if node.step == "close":
            text += closing.pop()
            continue
        comma = "," if text and text[-1] not in "[{" else ""
        text += comma + _name(node, inside=bool(closing)) + node.text
        if node.step == "open":
            closing.append("]" if node.text == "[" else "}")
    return text


def _name(node: Node, *, inside: bool) -> str:
    if not inside or node.in_array:
        return ""
    return '"":' if node.name == '""' else f'"{node.name}":'


@given(ANY_JSON)
def test_a_tree_holds_the_whole_payload_and_nothing_else(value: Any) -> None:
    canonical = canonicalize(value)
    nodes = grow_tree(canonical.decode())
    assert canonicalize(parse(harvest(nodes), stored=True).value) == canonical
    assert [node.step for node in nodes].count("open") == [n.step for n in nodes].count("close")


@pytest.mark.parametrize(
    ("value", "steps"),
    [
        ({}, [("leaf", "", "{}", 0)]),
        ([], [("leaf", "", "[]", 0)]),
        (7, [("leaf", "", "7", 0)]),
        ([[]], [("open", "", "[", 1), ("leaf", "0", "[]", 0), ("close", "", "", 0)]),
        (
            {"a": {"b": None}, "c": {}},
            [
                ("open", "", "{", 2),
                ("open", "a", "{", 1),
                ("leaf", "b", "null", 0),
                ("close", "", "", 0),
                ("leaf", "c", "{}", 0),
                ("close", "", "", 0),
            ],
        ),
    ],
)
def test_names_and_counts_the_parts(value: Any, steps: list[tuple[str, str, str, int]]) -> None:
    nodes = grow_tree(canonicalize(value).decode())
    assert [(node.step, node.name, node.text, node.parts) for node in nodes] == steps


def test_a_small_payload_is_unfolded_and_a_large_one_in_its_upper_levels() -> None:
    deep = {"a": {"b": {"c": {"d": 1}}}}
    assert all(node.unfolded for node in grow_tree(canonicalize(deep).decode()))
    large = {"a": {"b": {"c": list(range(FEW_NODES))}}}
    opened = [n for n in grow_tree(canonicalize(large).decode()) if n.step == "open"]
    assert [(node.name, node.unfolded) for node in opened] == [
        ("", True),
        ("a", True),
        ("b", False),
        ("c", False),
    ]


def test_a_payload_too_large_for_a_tree_is_laid_out_instead(ledger: Ledger) -> None:
    writer().write_event(submission({"n": list(range(MAX_NODES))}))
    page = Reader(ledger, sign_in()).text("/events/4/")
    assert 'id="tree"' not in page
    laid_out = re.search(r'<pre class="json" [^>]*>(.*?)</pre>', page, re.DOTALL)
    assert laid_out is not None
    plain = html.unescape(re.sub("<[^>]+>", "", laid_out[1]))
    assert json.loads(plain) == {"n": list(range(MAX_NODES))}


def test_text_of_a_payload_stays_text(ledger: Ledger) -> None:
    writer().write_event(submission({"<script>": "</ul><script>alert(1)</script>"}))
    page = Reader(ledger, sign_in()).text("/events/4/")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_tells_why_a_stored_payload_has_no_canonical_form(ledger: Ledger) -> None:
    ledger.write(1)
    ledger.tamper("""UPDATE events SET payload = '{"n": 1e400}' WHERE sequence = 4""")
    page = Reader(ledger, sign_in()).text("/events/4/")
    assert "The stored payload has no canonical form" in page
    assert "1 check failed: payload_hash" in page
