"""Cases: rollbacks, shown by the heads that the portal saved outside its database."""

from __future__ import annotations

from observers.tests.corpus.case import HALTED, VERIFY, WATCHED, Case, Tampering
from observers.tests.corpus.unseen import cut, put_back, rewrite

SOUND = {VERIFY: "what is there is sound in itself; `compare_heads` finds it"}


def rolled_back(name: str, who: str, tamper: Tampering) -> Case:
    """A ledger that lacks what was seen: found at the next look, and halted."""
    return Case(
        name,
        who,
        tamper,
        watched=("rollback",),
        banner=(HALTED, WATCHED),
        because=SOUND,
        heads_remain=True,
        saved_head=True,
    )


CASES = [
    rolled_back(
        "the tail cut off behind the portal's back",
        "A superuser deletes the last events together with their appends.",
        cut,
    ),
    rolled_back(
        "an old dump put back",
        "An operator puts back a copy of the database that ends earlier, with the watch's looks.",
        put_back,
    ),
    rolled_back(
        "rewritten with every key, behind the portal's back",
        "Somebody with all private keys and a superuser's rights rewrites an event and signs"
        " everything after it again.",
        rewrite,
    ),
]
