"""Shows the documents of `docs/` as pages of the portal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

from events.access.view_marks import no_second_factor, not_logged

FOLDER = Path(settings.BASE_DIR, "docs")
_LINK = re.compile(r"([a-z-]+)\.md(#.*)?")


@dataclass(frozen=True, slots=True)
class Document:
    """A document: its first heading, and all of it as HTML."""

    title: str
    content: SafeString


@not_logged
@no_second_factor
@require_safe
def document(request: HttpRequest, name: str) -> HttpResponse:
    """Shows a document to everybody; the banner only to readers of the ledger."""
    path = FOLDER / f"{name}.md"
    if not path.is_file():
        raise Http404
    response = render(request, "document.html", {"document": read_document(path)})
    response["Cache-Control"] = "private, no-store"
    return response


@cache
def read_document(path: Path) -> Document:
    """Renders a document. Raw HTML is kept, since the documents are our own."""
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = markdown.parse(path.read_text(encoding="utf-8"))
    title = _text(tokens[1])
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            _name_heading(token, tokens[place + 1])
        for each in token.children or ():
            if each.type == "link_open":
                _follow(each)
    html = markdown.renderer.render(list(_arrange(tokens)), markdown.options, {})
    return Document(title, SafeString(html))


def _name_heading(heading: Token, inline: Token) -> None:
    """Gives a heading the id by which GitHub links to it, unless it has one of its own."""
    if not any(each.type == "html_inline" for each in inline.children or ()):
        words = re.sub(r"[^\w\- ]", "", _text(inline).lower())
        heading.attrSet("id", words.replace(" ", "-"))


def _follow(link: Token) -> None:
    """Turns a link to another document into one to its page; other files have no page."""
    href = str(link.attrGet("href"))
    found = _LINK.fullmatch(href)
    if found:
        link.attrSet("href", reverse("document", args=[found[1]]) + (found[2] or ""))
    elif not href.startswith(("#", "https://")):
        del link.attrs["href"]


def _arrange(tokens: Sequence[Token]) -> Iterator[Token]:
    """The tokens as pages show them. Tables and code can be scrolled by keyboard; columns are
    aligned by class, since the content policy forbids style attributes."""
    tables = 0
    for place, token in enumerate(tokens):
        if token.type == "table_open":
            tables += 1
            label = f'role="region" aria-label="Table {tables}" tabindex="0"'
            yield Token("html_block", "", 0, content=f'<div class="scroll" {label}>\n')
            token.attrs["class"] = "listing"
        elif token.type == "th_open" and tokens[place + 1].content:
            token.attrs["scope"] = "col"
        elif token.type == "th_open":  # an empty heading is none
            token.tag = tokens[place + 2].tag = "td"
        elif token.type in ("fence", "code_block"):
            token.type, token.attrs = "code_block", {"class": "command", "tabindex": "0"}
        if token.attrs.pop("style", "") == "text-align:right":
            token.attrs["class"] = "number"
        yield token
        if token.type == "table_close":
            yield Token("html_block", "", 0, content="</div>\n")


def _text(inline: Token) -> str:
    children = inline.children or ()
    return "".join(each.content for each in children if each.type in ("text", "code_inline"))
