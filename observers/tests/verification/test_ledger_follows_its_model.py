"""Writers, people, faults and attackers at random: the ledger is what a plain model of it says.

Both are compared after each step, and the whole ledger is verified at the end. A failure prints its
steps and a decorator that repeats them when it is put above `Steps`; races are run again, not
replayed, which is why nothing is shrunk. FUZZ_EXAMPLES=500 runs more.
"""

from __future__ import annotations

import os
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from pytest_django import DjangoDbBlocker

from auditportal.embedded import EmbeddedPostgres
from events.tests.support.ledger import cloned
from observers.tests.state_machine.operators import OperatorSteps

FUZZ_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))


class Steps(OperatorSteps):
    """Everything that may happen."""


@pytest.mark.timeout(0 if FUZZ_EXAMPLES else 300)
def test_the_ledger_is_what_its_model_says(
    postgres: EmbeddedPostgres, template: str, django_db_blocker: DjangoDbBlocker
) -> None:
    Steps.clone = staticmethod(partial(cloned, postgres, template))
    with django_db_blocker.unblock():
        run_state_machine_as_test(
            Steps,
            settings=settings(
                max_examples=FUZZ_EXAMPLES or 7,
                stateful_step_count=50 if FUZZ_EXAMPLES else 30,
                phases=[Phase.explicit, Phase.reuse, Phase.generate],
                derandomize=False,
                deadline=None,
                print_blob=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
