"""API tokens in the admin: listed and revoked, their digests never shown."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import NoReverseMatch, reverse

from events.models import ApiToken
from events.tests.support.admin_site import superuser
from events.tests.support.ledger import Ledger

LIST = "/admin/events/apitoken/"


@pytest.fixture
def client(ledger: Ledger) -> Client:
    """A superuser's session."""
    return superuser()


@pytest.fixture
def token(ledger: Ledger) -> ApiToken:
    """A token of an agent."""
    owner = get_user_model()(username="tokens")
    owner.set_unusable_password()
    owner.save()
    token: ApiToken = ApiToken.objects.create(user=owner, expiry=None)[0]
    return token


def test_lists_tokens_without_digests(client: Client, token: ApiToken) -> None:
    page = client.get(LIST).content.decode()
    assert token.token_key in page
    assert token.digest not in page
    assert 'name="action"' not in page


@pytest.mark.parametrize("page", ["add", "change", "delete", "history"])
def test_has_no_page_whose_address_holds_a_digest(ledger: Ledger, page: str) -> None:
    with pytest.raises(NoReverseMatch):
        reverse(f"admin:events_apitoken_{page}", args=["x"])


def test_revokes_after_asking(client: Client, token: ApiToken) -> None:
    address = f"{LIST}{token.token_key}/revoke/"
    question = client.get(address)
    assert question.status_code == 200
    assert token.digest not in question.content.decode()
    assert ApiToken.objects.count() == 1

    answer = client.post(address, follow=True)
    assert "Revoked:" in answer.content.decode()
    assert ApiToken.objects.count() == 0
    assert LogEntry.objects.get().object_id == token.token_key
    assert client.post(address).status_code == 404


def test_only_those_who_may_delete_revoke(token: ApiToken) -> None:
    staff = get_user_model()(username="reader", is_staff=True)
    staff.set_unusable_password()
    staff.save()
    visitor = Client()
    visitor.force_login(staff)
    assert visitor.post(f"{LIST}{token.token_key}/revoke/").status_code == 403
    assert Client().post(f"{LIST}{token.token_key}/revoke/").status_code == 302
    assert ApiToken.objects.count() == 1
