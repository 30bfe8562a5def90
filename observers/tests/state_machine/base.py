"""A ledger with its model, and how a step runs on both.

Invariant: draws do not depend on the outcome of a race, so the same draws make the same steps.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import ClassVar

from django.db import connections
from django.test import override_settings
from hypothesis.stateful import RuleBasedStateMachine, invariant

from events.append.queue import AppendQueue
from events.append.services import writer
from events.registrar import registrar
from events.store.ledger import Halt
from events.tests.support.ceremonies import three_people
from events.tests.support.connection_cuts import Cuts
from events.tests.support.ledger import Ledger, put_keys_into
from events.tests.support.race import together
from observers.tests.state_machine.calls import Call
from observers.tests.state_machine.comparison import (
    assert_alike,
    assert_sound,
    first_model,
    stored_events,
)
from observers.tests.state_machine.model import Model


class Base(RuleBasedStateMachine):
    """One ledger, two doors to it, three people."""

    clone: ClassVar[Callable[[], AbstractContextManager[Ledger]]]
    """Makes an empty ledger without keys; the test says how."""

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()
        folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="auditportal-keys-"))
        keys = Path(folder) / "keys"
        self._open.enter_context(override_settings(PORTAL_KEY_DIR=keys))
        self.ledger = self._open.enter_context(type(self).clone())
        put_keys_into(keys)
        self.cuts = Cuts(self.ledger)
        self._open.enter_context(self.cuts.installed())
        registrar().create_witness("beta")
        self.people = three_people(self.ledger)
        self.direct = writer()
        self.gathered = AppendQueue(writer())
        self._open.callback(self.gathered.close)
        self.model = first_model(self.ledger)

    def teardown(self) -> None:
        """The whole ledger is verified, unless a step has failed already."""
        with self._open:
            if sys.exc_info()[0] is None:
                assert_sound(self.model)

    @invariant()
    def is_as_the_model_says(self) -> None:
        assert_alike(self.ledger, self.model)

    def ask(self, *asks: Call, beside: Callable[[], object] | None = None) -> None:
        """Let callers ask at once, one alone in this thread; `beside` happens meanwhile."""
        if len(asks) == 1 and beside is None:
            asks[0]()
        else:
            calls: list[Callable[[], object]] = [*asks]
            together([*calls, beside] if beside else calls)

    def settle(
        self,
        before: Model,
        asks: Sequence[Call] = (),
        added: Iterable[str] = (),
        halted: Halt | None = None,
    ) -> None:
        """End a step: what is new is what callers were told of, and `added`; `halted` is the halt
        that was declared meanwhile."""
        new = [e for e in stored_events(self.ledger) if e.sequence > before.head]
        self.model.append(new)
        self.model.halt = halted or self.model.halt
        told = Counter(event_id for ask in asks for event_id in ask.added(before))
        told_and_added, found = told + Counter(added), Counter(event.event_id for event in new)
        assert told_and_added == found, (
            f"told and not there: {told_and_added - found}; there and not told: "
            f"{found - told_and_added}; answers: {[ask.answer for ask in asks]}"
        )
        for ask in asks:
            ask.judge(before, self.model)

    def forget_connection(self) -> None:
        """The next question of this thread is asked on a new connection."""
        connections.close_all()
