"""The admin shows the mirrored tables and changes none of them."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client

from events import models
from events.tests.support.admin_site import address, superuser
from events.tests.support.ledger import OPENING, Ledger

MIRRORS: tuple[type[Model], ...] = (
    models.LedgerEvent,
    models.ClockDriftWarning,
    models.AgentKey,
    models.Witness,
    models.Append,
    models.CeremonyStep,
    models.HaltState,
    models.LedgerConfig,
)


@pytest.fixture
def client(ledger: Ledger) -> Client:
    """A superuser's session."""
    return superuser()


@pytest.mark.parametrize("model", MIRRORS)
def test_lists_every_mirror(ledger: Ledger, client: Client, model: type[Model]) -> None:
    assert client.get(address(model, "changelist")).status_code == 200


@pytest.mark.parametrize("model", MIRRORS)
def test_refuses_add_change_and_delete(ledger: Ledger, client: Client, model: type[Model]) -> None:
    ledger.write(1)
    assert client.get(address(model, "add")).status_code == 403
    assert client.post(address(model, "add"), {}).status_code == 403
    row = model._default_manager.first()
    if row is None:  # nothing has drifted, and no ceremony was held
        assert model in (models.ClockDriftWarning, models.CeremonyStep)
        return
    assert client.get(address(model, "change", row.pk)).status_code == 200
    assert client.post(address(model, "change", row.pk), {"x": "y"}).status_code == 403
    assert client.get(address(model, "delete", row.pk)).status_code == 403
    assert client.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("model", MIRRORS)
def test_offers_no_action(ledger: Ledger, client: Client, model: type[Model]) -> None:
    ledger.write(1)
    forged = {"action": "delete_selected", "_selected_action": ["1"], "post": "yes"}
    client.post(address(model, "changelist"), forged)
    page = client.get(address(model, "changelist")).content.decode()
    assert 'name="action"' not in page
    assert models.LedgerEvent.objects.count() == OPENING + 1


def test_every_mirror_has_its_admin() -> None:
    own = {model for model in admin.site._registry if model._meta.app_label == "events"}
    assert own == {*MIRRORS, models.ApiToken}


def test_shows_an_event_exactly(ledger: Ledger, client: Client) -> None:
    event = ledger.write(1)[0]
    ledger.tamper(
        """UPDATE events SET payload = '{"i": -9223372036854775808, "d": 1e21, "s": "<b>"}'"""
    )
    page = client.get(address(models.LedgerEvent, "change", event.event_id)).content.decode()
    assert "-9223372036854775808" in page
    assert "1e+21" in page
    assert "&lt;b&gt;" in page
    assert event.signature in page
    assert event.authority_timestamp[:-1].replace("T", " ") in page
