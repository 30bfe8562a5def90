"""The documents in the portal: each is shown, its links lead somewhere, and words are explained."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from events.tests.support.ledger import Ledger
from observers.pages.documents import FOLDER, read_document
from observers.tests.support.pages import Reader, sign_in

NAMES = sorted(path.stem for path in FOLDER.glob("*.md"))
TEMPLATES = Path(settings.BASE_DIR, "templates")


def content(name: str) -> str:
    return read_document(FOLDER / f"{name}.md").content


def anchors(name: str) -> set[str]:
    return set(re.findall(r' id="([^"]+)"', content(name)))


@pytest.mark.parametrize("name", NAMES)
def test_every_link_to_a_document_finds_its_heading(name: str) -> None:
    for target, anchor in re.findall(r'href="(?:/docs/([a-z-]+)/)?(?:#([^"]+))?"', content(name)):
        assert target in ("", *NAMES)
        assert not anchor or anchor in anchors(target or name), (target, anchor)
    assert not re.search(r'href="(?!/docs/|#|https://)', content(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_document_keeps_to_the_content_policy(name: str) -> None:
    assert not re.search(r"<[^>]+ style=|<script|<style", content(name))


@pytest.mark.parametrize("name", NAMES)
def test_tables_and_code_can_be_scrolled_by_keyboard(name: str) -> None:
    assert "<pre>" not in content(name)
    assert "<th></th>" not in re.sub(r"\s", "", content(name).replace(' scope="col"', ""))
    scrolled = len(
        re.findall(
            r'<div class="scroll" role="region" aria-label="Table \d+" tabindex', content(name)
        )
    )
    assert content(name).count("<table") == scrolled


def test_everybody_may_read_a_document(ledger: Ledger) -> None:
    page = Client().get("/docs/operations/").content.decode()
    assert "<title>Operating the portal · Audit Portal</title>" in page
    assert 'href="/docs/incident/"' in page
    assert Client().get("/docs/nothing/").status_code == 404


def test_every_word_that_a_page_links_is_in_the_glossary() -> None:
    templates = [path.read_text(encoding="utf-8") for path in TEMPLATES.rglob("*.html")]
    linked = {word for text in templates for word in re.findall(r'{% word "([^"]+)"', text)}
    assert linked >= {"head", "append", "witness", "ceremony", "guard", "gap", "drift", "sound"}
    assert linked <= anchors("glossary")


def test_pages_link_their_words(ledger: Ledger) -> None:
    page = unescape(Reader(ledger, sign_in()).text("/watch/"))
    assert '<a class="word" href="/docs/glossary/#guard">guards</a>' in page
