"""Access to the pages, and the headers they carry."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from events.tests.support.ledger import Ledger
from observers.tests.support.pages import PAGES, Reader, sign_in

EVERY = (*PAGES, "/events/find?q=1", "/events/by-id/0191d7a0-0000-7000-8000-000000000001/")


@pytest.mark.parametrize("address", EVERY)
def test_asks_strangers_to_log_in(ledger: Ledger, address: str) -> None:
    response = Client().get(address)
    assert response.status_code == 302
    assert response["Location"].startswith("/login/?next=")


@pytest.mark.parametrize("staff", [True, False])
def test_shows_every_page_to_accounts(ledger: Ledger, staff: bool) -> None:
    ledger.write(3)
    reader = Reader(ledger, sign_in(staff=staff))
    for address in PAGES:
        page = reader.text(address)
        assert ("/admin/" in page) is staff
        assert page.count("<h1") == 1
        assert 'href="#content"' in page


def test_needs_no_inline_script_or_style(ledger: Ledger) -> None:
    ledger.write(2)
    reader = Reader(ledger, sign_in())
    for address in (*PAGES, "/admin/", "/admin/events/ledgerevent/", "/nowhere", "/events/9/"):
        response = reader.client.get(address)
        policy = response["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        text = response.content.decode()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", text), address


def test_keeps_pages_out_of_shared_caches(ledger: Ledger) -> None:
    assert Reader(ledger, sign_in()).get("/")["Cache-Control"] == "private, no-store"


def test_refuses_to_write(ledger: Ledger) -> None:
    client = sign_in()
    for address in PAGES:
        assert client.post(address).status_code == 405


def test_logs_out_by_post_only(ledger: Ledger) -> None:
    client = sign_in()
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").status_code == 302
    assert client.get("/").status_code == 302


def test_pages_cost_a_bounded_number_of_queries(ledger: Ledger) -> None:
    """However many events a page shows, the number of queries stays the same."""
    ledger.write(2)
    reader = Reader(ledger, sign_in())
    reader.get("/")  # the session's own times are written once
    few = {address: _queries(reader, address) for address in PAGES}
    ledger.write(40)
    many = {address: _queries(reader, address) for address in PAGES}
    assert few == many
    assert max(many.values()) <= 56


def _queries(reader: Reader, address: str) -> int:

    with CaptureQueriesContext(connection) as captured:
        reader.get(address)
    return len(captured)
