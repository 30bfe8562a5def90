"""A headless client for the tests of the pages: signed in, on one ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from events.accounts.roles import ADMINISTRATOR, AUDITOR, set_group
from events.tests.support.ledger import Ledger

PAGES = (
    "/",
    "/events/",
    "/events/1/",
    "/gaps/",
    "/drift/",
    "/verifications/",
    "/ceremonies/",
    "/watch/",
)


def sign_in(*, staff: bool = True, name: str = "auditor") -> Client:
    """A session of an administrator, or of an auditor; nobody types a password."""
    account = User(username=name, is_superuser=staff)
    account.set_unusable_password()
    account.save()
    set_group(account, ADMINISTRATOR if staff else AUDITOR)
    client = Client()
    client.force_login(account)
    return client


@dataclass
class Reader:
    """Reads pages of a ledger, each freshly."""

    ledger: Ledger
    client: Client
    visits: int = 0
    """Visits of a superuser to the ledger before the last page."""

    def get(self, address: str, status: int = 200) -> Any:
        """The response, after its status has been looked at."""
        self._forget()
        response = self.client.get(address)
        assert response.status_code == status, (address, response.status_code)
        return response

    def _forget(self) -> None:
        """Empty the cache, which keeps a scan for longer than a test. The look at the guards
        stays: it is expensive, and the application alone cannot change its result."""
        key = f"guards-default-{self.ledger.name}"
        visits = len(self.ledger.visits)
        known = not self.ledger.others and self.visits == visits
        guards, self.visits = cache.get(key) if known else None, visits
        cache.clear()
        if guards is not None:
            cache.set(key, guards)

    def text(self, address: str, status: int = 200) -> str:
        """The page as text."""
        return str(self.get(address, status).content.decode())

    def lines(self, address: str) -> list[int | tuple[int, int]]:
        """The lines of a listing: an event's sequence, or a gap's bounds."""
        page = self.get(address).context["page"]
        return [
            line.event.sequence if line.event else (line.gap.gap.start, line.gap.gap.end)
            for line in page.lines
        ]


def remove(ledger: Ledger, *sequences: int) -> None:
    """Delete events as a superuser with the triggers off."""
    chosen = ", ".join(map(str, sequences))
    ledger.tamper(
        f"DELETE FROM clock_drift_warnings WHERE event_id IN "
        f"(SELECT event_id FROM events WHERE sequence IN ({chosen}))",
        f"DELETE FROM events WHERE sequence IN ({chosen})",
    )
